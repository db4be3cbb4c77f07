#include "trust/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/io.h"
#include "base/mem.h"

enum { PIECE = 1 << 17 }; /* of a file: stays in the cache */

static int
read_pieces(uint8_t *to, int fd, const char *path, const EVP_MD *kind, EVP_MD_CTX *hash, uint8_t *piece)
{
	ssize_t n;

	if (!kind || !EVP_DigestInit_ex(hash, kind, NULL))
		return err_set(ERR_SYSTEM, "libcrypto lacks a hash");
	do {
		if ((n = io_read(fd, piece, PIECE, path)) < 0)
			return -1;
		EVP_DigestUpdate(hash, piece, (size_t)n);
	} while (n == PIECE);
	EVP_DigestFinal_ex(hash, to, NULL);
	return 0;
}

static int
digest(uint8_t *to, int fd, const char *path, const EVP_MD *kind)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t *piece = mem_alloc64(PIECE, 1);
	int rc = -1;

	if (!hash)
		err_set(ERR_SYSTEM, "no memory");
	else if (piece)
		rc = read_pieces(to, fd, path, kind, hash, piece);
	EVP_MD_CTX_free(hash);
	free(piece);
	return rc;
}

int
digest_blake2b(uint8_t to[DIGEST_BLAKE2B], int fd, const char *path)
{
	return digest(to, fd, path, EVP_blake2b512());
}

int
digest_sha256(uint8_t to[DIGEST_SHA256], int fd, const char *path)
{
	return digest(to, fd, path, EVP_sha256());
}
