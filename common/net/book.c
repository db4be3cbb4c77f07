#include "net/book.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* The two words of a line. False for one that is for people. */
static bool
split(char *line, char **name, char **address)
{
	char *rest = line;

	do {
		*name = strsep(&rest, " \t\r\n");
	} while (*name && !**name);
	if (!*name || **name == '#')
		return false;
	do {
		*address = strsep(&rest, " \t\r\n");
	} while (*address && !**address);
	return true;
}

int
book_find(struct multiaddr *a, const char *text, const char *path)
{
	char line[BOOK_MAX_LINE], *name, *address;
	FILE *in;
	int number = 0, rc = 1;

	if (text[0] == '/')
		return multiaddr_parse(a, text);
	if (!(in = fopen(path, "re")))
		return err_set(ERR_DATA, "'%.200s' is no address, and there is no address book %s", text, path);
	while (rc > 0 && fgets(line, sizeof line, in)) {
		number++;
		if (!split(line, &name, &address) || strcmp(name, text) != 0)
			continue;
		rc = !address ? err_set(ERR_DATA, "no address") : multiaddr_parse(a, address);
		if (rc < 0)
			err_wrap("%s: line %d", path, number);
	}
	fclose(in);
	return rc > 0 ? err_set(ERR_DATA, "%s: has no '%.200s'", path, text) : rc;
}
