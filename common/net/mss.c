#include "net/mss.h"

#include <string.h>

#include "base/err.h"
#include "base/uvarint.h"

static const char header[] = "/multistream/1.0.0", not_available[] = "na";

static int
put(struct buf *out, const char *text)
{
	uint8_t length[UVARINT_MAX];
	size_t n = strlen(text);

	if (buf_add(out, length, uvarint_put(length, n + 1)) < 0 || buf_add(out, text, n) < 0)
		return -1;
	return buf_addc(out, '\n');
}

int
mss_begin(struct mss *m, bool initiator, const char *const *name, size_t n, struct buf *out)
{
	*m = (struct mss){ .initiator = initiator, .name = name, .n = n };
	return put(out, header) < 0 ? -1 : initiator ? put(out, name[0]) : 0;
}

/* The message that data begins with: 1; 0: more is needed; -1 with a reason. */
static int
next(const uint8_t *data, size_t n, const char **text, size_t *len, size_t *used)
{
	uint64_t size;
	int head = uvarint_get(&size, data, n);

	if (head <= 0)
		return head;
	if (size == 0 || size > MSS_MAX)
		return err_set(ERR_DATA, "a multistream message of %llu bytes", (unsigned long long)size);
	if (n - (size_t)head < size)
		return 0;
	if (data[(size_t)head + size - 1] != '\n')
		return err_set(ERR_DATA, "a multistream message that does not end in a newline");
	*text = (const char *)data + head;
	*len = size - 1;
	*used = (size_t)head + size;
	return 1;
}

static bool
is(const char *text, size_t n, const char *name)
{
	return n == strlen(name) && memcmp(text, name, n) == 0;
}

/* The answer to an offer: 1 agreed; 0 the next offer is made; -1. */
static int
answered(struct mss *m, const char *text, size_t n, struct buf *out)
{
	if (is(text, n, m->name[m->at]))
		return 1;
	if (!is(text, n, not_available))
		return err_set(ERR_DATA, "an answer to %s that is neither it nor \"na\"", m->name[m->at]);
	if (m->at + 1 == m->n)
		return err_set(ERR_DATA, "the peer does not speak %s", m->name[m->at]);
	return put(out, m->name[++m->at]);
}

/* An offer: 1 agreed; 0 declined; -1. */
static int
offered(struct mss *m, const char *text, size_t n, struct buf *out)
{
	for (size_t i = 0; i < m->n; i++) {
		if (is(text, n, m->name[i])) {
			m->at = i;
			return put(out, m->name[i]) < 0 ? -1 : 1;
		}
	}
	if (++m->at > MSS_MAX_OFFERS)
		return err_set(ERR_DATA, "%d protocols offered, none of them known", MSS_MAX_OFFERS);
	return put(out, not_available);
}

int
mss_take(struct mss *m, const uint8_t *data, size_t n, size_t *used, struct buf *out)
{
	const char *text = NULL;
	size_t len = 0, size = 0;
	int rc;

	*used = 0;
	while ((rc = next(data + *used, n - *used, &text, &len, &size)) > 0) {
		*used += size;
		if (m->greeted) {
			rc = m->initiator ? answered(m, text, len, out) : offered(m, text, len, out);
			if (rc != 0)
				return rc;
		} else if (!is(text, len, header)) {
			return err_set(ERR_DATA, "the peer does not speak %s", header);
		}
		m->greeted = true;
	}
	return rc;
}
