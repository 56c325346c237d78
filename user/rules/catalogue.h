/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catalogue.h - every finding; private to rules/ */
#pragma once

/*
 * In order of precedence: of the rules that match one attempt, the first one is the verdict, and what
 * the others saw is its evidence. What is best proven and most specific stands before what it would
 * explain. Rules that no attempt wakes together (a lookup's and a connection's) stand in no order.
 *
 * A name is the finding's id: connect_refused is connect-refused, its row is rule_connect_refused in
 * findings/.
 */
#define RULES(X)                                                                    \
	/* what the call's errno alone decides */                                   \
	X(local_fd_limit)                                                           \
	X(local_ports_exhausted)                                                    \
	X(local_tuple_in_use)                                                       \
	X(local_port_in_use)                                                        \
	X(local_port_privileged)                                                    \
	X(local_address_absent)                                                     \
	X(local_route_rejects)                                                      \
	X(local_no_route)                                                           \
	X(local_denied)                                                             \
	X(local_family_unsupported)                                                 \
	X(unix_connect_failed)                                                      \
	/* what this machine did to the SYN */                                      \
	X(local_neighbor_failed)                                                    \
	X(connect_refused_local)                                                    \
	X(accept_queue_full)                                                        \
	X(host_conntrack_full)                                                      \
	X(host_nat_ports_exhausted)                                                 \
	X(local_forward_dropped)                                                    \
	X(local_firewall)                                                           \
	/* what it did to the answer */                                             \
	X(connect_reply_dropped)                                                    \
	/* what another machine answered */                                         \
	X(connect_reset_in_handshake)                                               \
	X(connect_rejected)                                                         \
	X(connect_unreachable)                                                      \
	X(connect_refused)                                                          \
	X(connect_stale_peer)                                                       \
	/* what is worth a word although it worked */                               \
	X(connect_fallback)                                                         \
	X(connect_slow)                                                             \
	/* that nothing came, or that nobody waited for it */                       \
	X(connect_no_answer)                                                        \
	X(accept_unfinished)                                                        \
	X(connect_canceled)                                                         \
	/* a lookup, another datagram */                                            \
	X(dns_truncated)                                                            \
	X(dns_server_down)                                                          \
	X(dns_no_answer)                                                            \
	X(dns_servfail)                                                             \
	X(dns_nxdomain)                                                             \
	X(dns_no_data)                                                              \
	X(dns_slow)                                                                 \
	X(udp_port_unreachable)                                                     \
	X(udp_too_big)                                                              \
	X(udp_receive_buffer_full)                                                  \
	X(udp_reply_from_other_address)                                             \
	X(udp_no_reply)                                                             \
	/* an established connection that no process ever had */                    \
	X(accept_listener_closed)                                                   \
	/* the TLS handshake of an established connection, before all else of it */ \
	X(tls_not_tls)                                                              \
	X(tls_alert)                                                                \
	X(tls_rejected)                                                             \
	X(tls_no_server_hello)                                                      \
	/* what went on below the two applications */                               \
	X(conn_local_drop)                                                          \
	X(conn_nat_bypassed)                                                        \
	X(conn_mtu_blackhole)                                                       \
	X(conn_reader_stalled)                                                      \
	X(conn_keepalive_timeout)                                                   \
	/* who closed or reset it, and over what */                                 \
	X(conn_keepalive_race)                                                      \
	X(conn_app_timeout)                                                         \
	X(conn_client_gave_up)                                                      \
	X(conn_broken_pipe)                                                         \
	X(conn_idle_dropped)                                                        \
	X(conn_closed_early)                                                        \
	X(conn_timed_out)                                                           \
	X(conn_reset_by_peer)                                                       \
	X(conn_reset_by_us)                                                         \
	/* what made it slow, however it ended */                                   \
	X(conn_peer_window_zero)                                                    \
	X(conn_loss)                                                                \
	X(conn_reordered)                                                           \
	X(conn_slow_peer)                                                           \
	X(conn_silent)                                                              \
	/* what a process leaves half closed */                                     \
	X(close_wait_leak)                                                          \
	X(close_fin_wait_stuck)                                                     \
	X(close_last_ack_stuck)                                                     \
	/* who comes from another machine and is not let in */                      \
	X(accept_firewall)                                                          \
	X(accept_syn_flood)                                                         \
	X(accept_wrong_bind)                                                        \
	X(accept_no_listener)                                                       \
	/* who claims an address */                                                 \
	X(host_duplicate_address)                                                   \
	/* what of the host is full, or short */                                    \
	X(host_conntrack_filling)                                                   \
	X(host_socket_memory)                                                       \
	/* the last resorts, where no cause could be established */                 \
	X(connect_failed)                                                           \
	X(bind_failed)
