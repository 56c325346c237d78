/* SPDX-License-Identifier: GPL-2.0-or-later */
/* names.h - names that only the field tables need; NULL for an unknown number */
#pragma once

const char *decode_family_name(unsigned int family); /* "ipv4", "ipv6", "unix" */
const char *decode_protocol_name(unsigned int protocol); /* "tcp" */
const char *decode_open_name(unsigned int how); /* "connect" */
const char *decode_task_name(unsigned int how); /* "fork" */
const char *decode_hook_state_name(unsigned int state); /* "attached" */
const char *decode_name_space_name(unsigned int space); /* "drop-reason" */
const char *decode_change_name(unsigned int what); /* "route" */
const char *decode_neighbor_name(unsigned int state); /* "FAILED", of a NUD_* value */
