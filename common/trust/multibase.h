/*
 * multibase.h: bytes as text that says by what it begins with which base it is in: "b" base32, "z" base58btc
 * (multiformats/multibase, multibase.csv). PeerIds and CIDs of version 0 are base58btc without the "z".
 *
 * A base of 2, 8, 16, 32, 64 or 256 digits writes some bits a digit, the last one filled up with zeros (RFC 4648). Base 10, 36
 * and 58 write one large number; zero bytes before it stay as many zero digits. One text of some bytes is taken in each base,
 * but for letters: in bases 16, 32 and 36 they may be of either case. Left out are bytes that are no text ("identity") and
 * proquint.
 */
#ifndef MAI_TRUST_MULTIBASE_H
#define MAI_TRUST_MULTIBASE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum multibase {
	MULTIBASE_2,
	MULTIBASE_8,
	MULTIBASE_10,
	MULTIBASE_16,
	MULTIBASE_16UPPER,
	MULTIBASE_32,
	MULTIBASE_32UPPER,
	MULTIBASE_32PAD,
	MULTIBASE_32PADUPPER,
	MULTIBASE_32HEX,
	MULTIBASE_32HEXUPPER,
	MULTIBASE_32HEXPAD,
	MULTIBASE_32HEXPADUPPER,
	MULTIBASE_32Z,
	MULTIBASE_36,
	MULTIBASE_36UPPER,
	MULTIBASE_58BTC,
	MULTIBASE_58FLICKR,
	MULTIBASE_64,
	MULTIBASE_64PAD,
	MULTIBASE_64URL,
	MULTIBASE_64URLPAD,
	MULTIBASE_256EMOJI,
	MULTIBASE_NONE, /* how many there are */
};

enum {
	MULTIBASE_MAX = 256,                       /* bytes: the work grows with their square */
	MULTIBASE_TEXT = 4 + 8 * MULTIBASE_MAX + 1, /* base2 has the most digits, an emoji 4 bytes; with a NUL */
};

/* As the table calls it: "base32". */
const char *multibase_name(enum multibase base);

/* The base that a text of n characters says; MULTIBASE_NONE where it says none. */
enum multibase multibase_of(const char *text, size_t n);

/* The text of n <= MULTIBASE_MAX bytes, and a NUL, into `to`, which is returned. Behind what says the base are its digits. */
char *multibase_encode(char to[MULTIBASE_TEXT], enum multibase base, const uint8_t *from, size_t n);

/* The bytes of a text; of the digits alone, in a base that is known. How many; -1 with a reason. */
ssize_t multibase_decode(uint8_t to[MULTIBASE_MAX], const char *text, size_t n);
ssize_t multibase_decode_digits(uint8_t to[MULTIBASE_MAX], enum multibase base, const char *text, size_t n);

#endif
