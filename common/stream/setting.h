/*
 * setting.h: the numbers of struct sampling, as a table: what packs, prints and reads them walks it. Private to stream/.
 */
#ifndef MAI_STREAM_SETTING_H
#define MAI_STREAM_SETTING_H

#include "stream/stream.h"

struct setting {
	const char *name; /* in JSON; in lines with '-' for '_' */
	bool whole;       /* uint32_t; else float: 4 bytes either way, here and in the stream */
	size_t field;     /* where it lies in struct sampling, */
	size_t at;        /* and in the payload of an open frame */
	double min, max;
};

enum { N_SETTINGS = 21, SETTING_SIZE = 4 };
extern const struct setting settings[N_SETTINGS];

/* Either kind of number. What is set is within min and max if it is whole. */
double setting_get(const struct setting *t, const struct sampling *s);
void setting_set(const struct setting *t, struct sampling *s, double v);

#endif
