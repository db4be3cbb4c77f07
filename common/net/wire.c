#include "net/wire.h"

#include <stdlib.h>

#include "base/err.h"

int
wire_begin(struct wire *w, struct ystream *s, const char *name)
{
	*w = (struct wire){ .stream = s };
	return (w->in = stream_reader_fed(name)) ? 0 : -1;
}

void
wire_end(struct wire *w)
{
	ystream_free(w->stream);
	stream_reader_free(w->in);
	hello_free(&w->hello);
	buf_free(&w->out);
	*w = (struct wire){ 0 };
}

int
wire_put_hello(struct wire *w, const struct hello *h)
{
	return hello_pack(&w->out, h);
}

int
wire_put_header(struct wire *w, const struct stream_header *h)
{
	return stream_encode_header(&w->out, h);
}

int
wire_put(struct wire *w, const struct frame *f)
{
	return stream_encode(&w->out, f, w->compress);
}

int
wire_put_fault(struct wire *w, bool begun, const struct frame *why)
{
	if (!begun && wire_put_header(w, &(struct stream_header){ .kind = STREAM_TOKENS }) < 0)
		return -1;
	return wire_put(w, why);
}

int
wire_push(struct wire *w)
{
	while (w->sent < w->out.len && !w->stream->reset) {
		int64_t n = ystream_send(w->stream, w->out.data + w->sent, w->out.len - w->sent);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		w->sent += (size_t)n; /* positive */
		w->bytes_out += (uint64_t)n;
	}
	if (w->sent == w->out.len) {
		w->sent = w->out.len = 0;
	} else if (w->sent >= w->out.len / 2) {
		buf_shift(&w->out, w->sent);
		w->sent = 0;
	}
	return 0;
}

size_t
wire_backlog(const struct wire *w)
{
	return w->out.len - w->sent;
}

static int
pull_hello(struct wire *w, uint64_t now)
{
	size_t n;
	const uint8_t *data = ystream_data(w->stream, &n);
	ssize_t used = hello_unpack(&w->hello, data, n);

	if (used <= 0)
		return used < 0 ? -1 : 0;
	w->heard = true;
	w->bytes_in += (uint64_t)used; /* positive */
	return ystream_take(w->stream, (size_t)used, now);
}

int
wire_pull(struct wire *w, size_t most, uint64_t now)
{
	size_t n;
	const uint8_t *data;

	if (!w->heard && pull_hello(w, now) < 0)
		return -1;
	if (!w->heard)
		return w->stream->ended ? err_set(ERR_DATA, "the peer has ended the stream before it began") : 0;
	data = ystream_data(w->stream, &n);
	if (n > most)
		n = most;
	if (n > 0 && (stream_feed(w->in, data, n) < 0 || ystream_take(w->stream, n, now) < 0))
		return -1;
	w->bytes_in += n;
	ystream_data(w->stream, &n);
	if (n == 0 && w->stream->ended)
		stream_feed_end(w->in);
	return 0;
}
