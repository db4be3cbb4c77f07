/*
 * role.h: what tokens are for, where the file does not say it in full: by its keys of token ids and by well-known texts.
 *
 * Files often mark end-of-turn tokens as ordinary ones; they are control tokens here, so that no text can bring them in.
 */
#ifndef MAI_TEXT_ROLE_H
#define MAI_TEXT_ROLE_H

#include "text/tokens.h"

/* Sets kinds, flags, bos, eos and unknown of a vocabulary whose tokens are loaded. 0 or -1 */
int role_load(struct vocab *v, const struct gguf *g);

#endif
