// SPDX-License-Identifier: GPL-2.0-only
/* maps.bpf.c - the ring, the knobs and the maps, once for all programs */
#define MAPS_DEFINE
#include "maps.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct knobs knobs;

struct ring_map ring SEC(".maps");
struct emit_cpus_map emit_cpus SEC(".maps");
struct sockwhy_health_map sockwhy_health SEC(".maps");
struct followed_processes_map followed_processes SEC(".maps");
struct followed_cookies_map followed_cookies SEC(".maps");
struct followed_flows_map followed_flows SEC(".maps");
struct datagram_notes_map datagram_notes SEC(".maps");
struct call_notes_map call_notes SEC(".maps");
struct hello_notes_map hello_notes SEC(".maps");
struct answer_notes_map answer_notes SEC(".maps");
struct answer_looks_map answer_looks SEC(".maps");
