// SPDX-License-Identifier: GPL-2.0-or-later
/* static_libpcap.c - keep libpcap's D-Bus capture out of the static binary */

/*
 * Debian's libpcap.a offers captures on D-Bus; its pcap-dbus.o wants libdbus and libsystemd, of
 * which there is no use here. pcap.o refers to that member by these two functions only, so defining
 * them keeps the linker from pulling it in. Linked into build/static/sockwhy alone.
 */
#include <pcap/pcap.h>
#include <stddef.h>

/* libpcap's own internal prototypes: pcap-dbus.h and pcap-int.h are not installed */
typedef struct pcap_if_list pcap_if_list_t;
pcap_t *dbus_create(const char *device, char *errbuf, int *is_ours);
int dbus_findalldevs(pcap_if_list_t *devices, char *errbuf);

pcap_t *dbus_create(const char *device, char *errbuf, int *is_ours)
{
	(void)device;
	(void)errbuf;
	*is_ours = 0;
	return NULL;
}

int dbus_findalldevs(pcap_if_list_t *devices, char *errbuf)
{
	(void)devices;
	(void)errbuf;
	return 0;
}
