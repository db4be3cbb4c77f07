/* verbs.h: the verbs of mai-ledger, and what they share. */
#ifndef MAI_LEDGER_VERBS_H
#define MAI_LEDGER_VERBS_H

#include "ledger/tlog.h"
#include "trust/key.h"

/* write.c */
int run_init(int argc, char **argv);
int run_sign(int argc, char **argv);
int run_append(int argc, char **argv);

/* read.c */
int run_show(int argc, char **argv);
int run_export(int argc, char **argv);
int run_prove(int argc, char **argv);

/* verify.c */
int run_verify(int argc, char **argv);
int run_witness(int argc, char **argv);

int run_settle(int argc, char **argv);
int run_audit(int argc, char **argv);

/* common.c: -k and -p of all verbs that have them. */
extern const char *secret_file, *log_key;
#define SECRET { 'k', "key", "FILE", OPT_STR, &secret_file, 0, 0, "secret key (~/.config/mai/me.key)" }
#define PUBLIC { 'p', "public", "KEY", OPT_STR, &log_key, 0, 0, "verifier key of the log, or a file with it (LOG/key)" }

/* All: 0, or -1 with a reason. */
int read_secret(struct key *k);
int read_vkey(struct note_key *k, const char *text);        /* NAME+HASH+KEY, or a file with that */
int open_log(struct tlog *l, const char *path);             /* by the key of -p, if there is one */
int put_text(const void *text, size_t n);                   /* to stdout */

/* Closes stdout; returns the exit status. */
int finish(int rc);

#endif
