/* config.h: where a user's own files are: $XDG_CONFIG_HOME/mai, or ~/.config/mai where that is not set. */
#ifndef MAI_BASE_CONFIG_H
#define MAI_BASE_CONFIG_H

enum { CONFIG_PATH = 4096 }; /* bytes of a path; longer ones are cut, and then not found */

/* The file of this name there; returns `to`. */
const char *config_file(char to[CONFIG_PATH], const char *name);

/* Makes the folder, which nobody else may enter, and those above it. 0 or -1. */
int config_make_folder(void);

#endif
