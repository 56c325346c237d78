// SPDX-License-Identifier: GPL-2.0-or-later
/* states.c - sockets whose state says that something waits */

#include "rules/states/states.h"
#include "util/array.h"
#include "util/time.h"

static const struct {
	const char *name;
	const char *what;
} marks[] = { [STATES_FINE] = { NULL, NULL },
#define X(id, word, text) [STATES_##id] = { word, text },
	      STATES_MARKS(X)
#undef X
};

_Static_assert(ARRAY_SIZE(marks) == STATES_MARK_COUNT, "a row for each");

/* A handshake whose SYN/ACK, or SYN, went so often in vain hangs for three seconds and more (RFC 6298 2.1). */
#define AGAIN_LEAST 2

static bool is_quiet(const struct states_socket *socket, __u64 least_ns)
{
	return socket->timed && socket->quiet_ns >= least_ns;
}

static enum states_mark judge_open(const struct states_socket *socket,
				   const struct thresholds *thresholds)
{
	__u64 stalled_ns = thresholds->value[THRESHOLD_WINDOW_STALLED] * NS_PER_MS;

	if (!socket->counted)
		return STATES_FINE;
	if (socket->again_in_row >= thresholds->value[THRESHOLD_STUCK])
		return STATES_UNHEARD;
	if (!socket->snd_wnd && socket->unsent_bytes && socket->probes &&
	    is_quiet(socket, stalled_ns))
		return STATES_WINDOW_CLOSED;
	return STATES_FINE;
}

enum states_mark states_judge(const struct states_socket *socket,
			      const struct thresholds *thresholds)
{
	__u64 closed_ns = thresholds->value[THRESHOLD_CLOSED_HALF] * NS_PER_S;
	__u64 stalled_ns = thresholds->value[THRESHOLD_WINDOW_STALLED] * NS_PER_MS;
	bool again = socket->counted && socket->again_in_row >= AGAIN_LEAST;

	switch (socket->state) {
	case TCP_STATE_LISTEN:
		/* the kernel ignores a SYN when more wait than the maximum */
		return socket->queued && socket->backlog > socket->backlog_max ? STATES_QUEUE_FULL :
										 STATES_FINE;
	case TCP_STATE_SYN_SENT:
		return again ? STATES_UNANSWERED : STATES_FINE;
	case TCP_STATE_SYN_RECV:
		return again ? STATES_HALF_OPEN : STATES_FINE;
	case TCP_STATE_CLOSE_WAIT:
		return socket->owned && is_quiet(socket, closed_ns) ?
			       STATES_NOT_CLOSED :
			       judge_open(socket, thresholds);
	case TCP_STATE_ESTABLISHED:
		if (socket->unread_bytes && socket->owned && is_quiet(socket, closed_ns))
			return STATES_NOT_READ;
		return judge_open(socket, thresholds);
	case TCP_STATE_FIN_WAIT1:
	case TCP_STATE_CLOSING:
	case TCP_STATE_LAST_ACK:
		return again || is_quiet(socket, stalled_ns) ? STATES_END_UNHEARD : STATES_FINE;
	case TCP_STATE_FIN_WAIT2:
		return is_quiet(socket, closed_ns) ? STATES_PEER_NOT_CLOSED : STATES_FINE;
	default:
		return STATES_FINE; /* TIME_WAIT is how a connection ends well */
	}
}

const char *states_mark_name(unsigned int mark)
{
	return mark < STATES_MARK_COUNT ? marks[mark].name : NULL;
}

const char *states_mark_what(unsigned int mark)
{
	return mark < STATES_MARK_COUNT ? marks[mark].what : NULL;
}

void states_say_check(struct text *text, const struct states_group *group)
{
	const struct states_socket *socket = &group->quietest;
	unsigned int port = socket->tuple.local_port, remote = socket->tuple.remote_port;
	__u32 pid = socket->owned ? socket->owner.tgid : 0;

	switch (socket->mark) {
	case STATES_QUEUE_FULL:
		text_add(text, "ss -ltnp 'sport = :%u'", port);
		break;
	case STATES_HALF_OPEN:
		text_add(text, "ss -tno state syn-recv 'sport = :%u'", port);
		break;
	case STATES_UNANSWERED:
		text_add(text, "sudo sockwhy -v port %u", remote);
		break;
	case STATES_NOT_CLOSED:
	case STATES_NOT_READ:
		text_add(text, "ss -tnpm 'sport = :%u'", port);
		break;
	default:
		text_add(text, "ss -tnoi 'sport = :%u and dport = :%u'", port, remote);
		break;
	}
	if (pid)
		text_add(text, "; cat /proc/%u/wchan", pid);
}
