/* SPDX-License-Identifier: GPL-2.0-or-later */
/* veil.h - who asks for names where no packet shows it; private to join */
#pragma once

#include "join/core.h"

/*
 * Theory of operation
 *
 * A name may be asked of a socket of this host (nscd, systemd-resolved, avahi), or of a server over TLS
 * or HTTPS, or over lo where no packet is in sight. That is seen, the name and the answer are not: what the process connects to afterwards has no
 * name, and a lookup that fails so is no attempt. So it is remembered for a while who did, and told as a
 * blind spot of what follows. The memory is of a fixed size and forgets by overwriting.
 */

struct veils;

int veils_new(struct veils **out); /* 0 or -ENOMEM */
void veils_free(struct veils *veils);

bool veil_is_socket(__u8 how); /* enum event_open_how: a process asks a socket of this host */
void veil_open(struct join *join, const struct event *event); /* any opening */
/* A ClientHello of @owner (NULL unknown) names a server that answers names over HTTPS, maybe. */
void veil_hello(struct join *join, const struct event_owner *owner, const char *name, size_t size,
		__u64 now_ns);
/* Did @owner, or anybody in @netns over TLS, ask so shortly before @now_ns? */
bool veil_of_owner(const struct join *join, const struct event_owner *owner, __u64 now_ns);
bool veil_of_netns(const struct join *join, __u32 netns, __u64 now_ns);
