#include "flow/fault.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

int
fault_tell(int fd, const struct stream_header *header, const char *self, const char *name)
{
	char reason[STREAM_MAX_TEXT / 2], told[STREAM_MAX_TEXT];
	int status = err_status();

	snprintf(reason, sizeof reason, "%s", err_reason());
	snprintf(told, sizeof told, "%s: %s", self, reason);
	if (!header || stream_write_header(fd, header, name) == 0)
		stream_write(fd, &(struct frame){ .type = FRAME_ERROR, .text = told, .text_len = (uint32_t)strlen(told) }, false, name);
	return err_set(status, "%s", reason);
}
