/* ledger-receipts N SEED: N receipts of one connection, each signed, a line each: what a ledger is filled with to be measured. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ledger/record.h"
#include "trust/peerid.h"

/* A number as a hash, so that ids differ. */
static const char *
hash_text(char to[HASH_HEX], const char *what, uint64_t i)
{
	char text[64];
	struct hash h = hash_bytes(text, (size_t)snprintf(text, sizeof text, "%s %" PRIu64, what, i));

	return hash_to_hex(&h, to);
}

static int
make(struct buf *to, uint64_t i, const struct key *node, const char *seed, const uint8_t client[KEY_PUBLIC])
{
	char a[HASH_HEX], b[HASH_HEX], c[HASH_HEX], d[HASH_HEX], e[HASH_HEX], n[PEERID_DID], m[PEERID_DID];
	struct buf s = { 0 };
	int rc = buf_printf(&s, "{\"client\":\"%s\",\"first_layer\":0,\"from\":%" PRIu64 ",\"input\":\"%s\",\"last_layer\":16,\"model\":\"%s\",\"node\":\"%s\","
	    "\"nonce\":\"%s\",\"output\":\"%s\",\"profile\":\"mai-1\",\"rows\":%" PRIu64 ",\"sequence\":0,\"terms\":\"%s\",\"time\":%" PRIu64 ",\"to\":%" PRIu64
	    ",\"type\":\"receipt\",\"wire\":\"f32\"}", peerid_did(client, m), i * 64, hash_text(a, "input", i), hash_text(b, "model", 0), peerid_did(node->public.bytes, n),
	    hash_text(c, seed, 0), hash_text(d, "output", i), (i + 1) * 64, hash_text(e, "terms", 0), 1767323045 + i / 10, (i + 1) * 64);

	to->len = 0;
	if (rc == 0)
		rc = record_sign(to, (const char *)s.data, s.len, node) < 0 || buf_addc(to, '\n') < 0 ? -1 : 0;
	buf_free(&s);
	return rc;
}

int
main(int argc, char **argv)
{
	struct buf line = { 0 };
	struct key node, client;

	if (argc != 3 || key_generate(&node) < 0 || key_generate(&client) < 0)
		return 2;
	for (uint64_t i = 0; i < strtoull(argv[1], NULL, 10); i++)
		if (make(&line, i, &node, argv[2], client.public.bytes) < 0 || fwrite(line.data, 1, line.len, stdout) != line.len) {
			fprintf(stderr, "ledger-receipts: %s\n", err_reason());
			return 1;
		}
	buf_free(&line);
	return fclose(stdout) == 0 ? 0 : 1;
}
