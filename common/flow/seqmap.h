/* seqmap.h: moved, since stream/ maps sequence ids too. */
#include "stream/seqmap.h"
