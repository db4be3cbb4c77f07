/*
 * confine.h: what a process that reads what strangers send gives up before it does: to start programs, to open files, to be traced,
 * to leave a core. What it keeps is in the list in confine.c: to read and write what is open, to accept and make connections (TCP)
 * of IPv4 and IPv6, memory, time, its end. All else fails with EPERM (seccomp(2)).
 */
#ifndef MAI_NET_CONFINE_H
#define MAI_NET_CONFINE_H

/*
 * For good. 0: it is confined, or can't be: where the kernel has no such thing, and in builds that need files of their own
 * (sanitizers, coverage), which msg_info tells. -1 with a reason.
 */
int confine(void);

#endif
