/* bytes.h: numbers in packed structures. Their order is little-endian, as all hosts have it. Private to stream/. */
#ifndef MAI_STREAM_BYTES_H
#define MAI_STREAM_BYTES_H

#include <stdint.h>
#include <string.h>

static inline void
put16(uint8_t *to, uint16_t v)
{
	memcpy(to, &v, sizeof v);
}

static inline void
put32(uint8_t *to, uint32_t v)
{
	memcpy(to, &v, sizeof v);
}

static inline void
put64(uint8_t *to, uint64_t v)
{
	memcpy(to, &v, sizeof v);
}

static inline void
put_float(uint8_t *to, float v)
{
	memcpy(to, &v, sizeof v);
}

static inline uint16_t
get16(const uint8_t *from)
{
	uint16_t v;

	memcpy(&v, from, sizeof v);
	return v;
}

static inline uint32_t
get32(const uint8_t *from)
{
	uint32_t v;

	memcpy(&v, from, sizeof v);
	return v;
}

static inline uint64_t
get64(const uint8_t *from)
{
	uint64_t v;

	memcpy(&v, from, sizeof v);
	return v;
}

static inline float
get_float(const uint8_t *from)
{
	float v;

	memcpy(&v, from, sizeof v);
	return v;
}

#endif
