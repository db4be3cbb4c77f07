/* pass.h: passphrases, from whoever sits at the terminal; without one, a line of stdin. */
#ifndef MAI_TRUST_PASS_H
#define MAI_TRUST_PASS_H

#include "trust/key.h"

/* For an existing key (key_ask), and for a new one, asked for twice at a terminal. 0, or -1 with a reason. */
int pass_ask(void *arg, const char *path, char to[KEY_PASS]);
int pass_choose(char to[KEY_PASS]);

#endif
