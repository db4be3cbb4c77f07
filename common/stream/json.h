/* json.h: what sink_json and source_json must agree on. Private to stream/. */
#ifndef MAI_STREAM_JSON_H
#define MAI_STREAM_JSON_H

/* The largest whole number that every JSON program keeps; larger ones are written as decimal text. */
#define JSON_EXACT ((uint64_t)1 << 53)

#endif
