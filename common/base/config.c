#include "base/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"

const char *
config_file(char to[CONFIG_PATH], const char *name)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config)
		snprintf(to, CONFIG_PATH, "%s/mai/%s", config, name);
	else
		snprintf(to, CONFIG_PATH, "%s/.config/mai/%s", home ? home : "", name);
	return to;
}

int
config_make_folder(void)
{
	char path[CONFIG_PATH];

	config_file(path, "");
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return err_sys("%s", path);
		*slash = '/';
	}
	return 0;
}
