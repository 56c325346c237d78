/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drop.h - what a reason for which the kernel drops a packet says of that packet */
#pragma once

enum drop_class {
	DROP_UNKNOWN, /* of a kernel newer than the table: taken as a fate */
	DROP_FATE, /* the packet ended there */
	DROP_FILTER, /* the same, by what somebody had set up to drop: a rule, a program, a queue's limit */
	DROP_NEIGHBOR, /* the same: the next hop's link address is not known */
	DROP_COPY, /* one of several copies ended: the packet itself has its fate elsewhere */
	DROP_NOISE, /* everyday: duplicates, what a closing socket leaves behind; or no drop at all */
};

/* By the reason's name in the running kernel's BTF, as host_tell_names() tells it; NULL: unknown. */
enum drop_class drop_class_of(const char *reason);
