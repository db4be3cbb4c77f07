/*
 * note.h: texts that several have signed (C2SP signed-note): lines of UTF-8, an empty line, and a line for each signature,
 * "— NAME BASE64". A verifier key is "NAME+HASH+BASE64"; names have neither spaces nor '+'.
 *
 * Keys are Ed25519: of signatures by the author of the text (type 1), or of cosignatures by witnesses, with the time at which they saw
 * it (type 4, C2SP tlog-cosignature).
 */
#ifndef MAI_LEDGER_NOTE_H
#define MAI_LEDGER_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "trust/key.h"

enum {
	NOTE_MAX = 1 << 20,       /* bytes of a note */
	NOTE_NAME = 256,          /* of a name with a NUL */
	NOTE_SIGNATURES = 100,    /* that are looked at */
	NOTE_VKEY = NOTE_NAME + 64,
};

enum note_type { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 };

struct note_key {
	char name[NOTE_NAME];
	uint32_t hash;            /* the first bytes of that of name, type and key, big endian */
	enum note_type type;
	uint8_t bytes[KEY_PUBLIC];
};

/* 0, or -1 with a reason where it can't be a name. */
int note_key_make(struct note_key *k, const char *name, enum note_type type, const uint8_t key[KEY_PUBLIC]);
int note_key_parse(struct note_key *k, const char *text, size_t n);
char *note_key_text(const struct note_key *k, char to[NOTE_VKEY]); /* returns `to` */

struct note {
	const char *text;         /* of the note, with the last newline */
	size_t n;
	const char *signatures;   /* the lines behind the empty one */
	size_t n_signatures;      /* bytes */
};

/* The parts of a note. 0, or -1 with a reason where it is none, or one of its signatures is malformed. */
int note_parse(struct note *t, const char *data, size_t n);

/*
 * Has the key signed it? 1; 0: there is no signature by it; -1 with a reason: there is one, and it is wrong. *time, if not NULL: seconds
 * since 1970, of a cosignature.
 */
int note_signed(const struct note *t, const struct note_key *k, uint64_t *time);

/* Appends a signature line for a text, which ends in a newline, by a key whose public half `k` has. 0 or -1. */
int note_sign(struct buf *to, const char *text, size_t n, const struct note_key *k, const struct key *secret, uint64_t time);

#endif
