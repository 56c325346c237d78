// SPDX-License-Identifier: GPL-2.0-or-later
/* mask_told.c - names that only records of this host hold, replaced before a sink is told */

#include <string.h>

#include "agent/output/mask_told.h"
#include "sinks/packets/mask_packet.h"

/* "web1.example.com", and the "web1" that people call it */
static void learn_host_name(struct mask *mask, const char *name)
{
	mask_learn_name(mask, name, strlen(name));
	mask_learn_name(mask, name, strcspn(name, "."));
}

void mask_learn_event(struct mask *mask, const struct event *event)
{
	if (event->head.kind == EVENT_START)
		learn_host_name(mask, event->start.host);
	if (event->head.kind == EVENT_SYSCALL)
		mask_learn_path(mask, event->syscall.path, sizeof(event->syscall.path));
	if (event->bytes_captured)
		mask_learn_packet(mask, event->bytes, event->bytes_captured);
}

static void mask_process(const struct mask *mask, struct ev_process *process)
{
	mask_path(mask, process->exe, sizeof(process->exe));
	mask_unit(mask, process->unit, sizeof(process->unit));
	mask_unit(mask, process->container, sizeof(process->container));
	mask_unit(mask, process->cgroup, sizeof(process->cgroup));
	mask_unit(mask, process->container_name, sizeof(process->container_name));
	mask_unit(mask, process->pod, sizeof(process->pod));
	mask_unit(mask, process->pod_namespace, sizeof(process->pod_namespace));
	mask_unit(mask, process->pod_uid, sizeof(process->pod_uid));
	memset(process->command, 0, sizeof(process->command)); /* words of any kind */
}

static void mask_fact(const struct mask *mask, struct ev_fact *fact)
{
	if (fact->what == FACT_HOLDER || fact->what == FACT_LISTENER ||
	    fact->what == FACT_UNIX_LISTENER)
		mask_path(mask, fact->text, sizeof(fact->text));
	if (fact->what == FACT_PROXY)
		memset(fact->text, 0,
		       sizeof(fact->text)); /* a name that nobody need have looked up */
}

void mask_told_namespace(const struct mask *mask, struct ev_netns *netns)
{
	mask_name(mask, netns->name, strnlen(netns->name, sizeof(netns->name)), netns->name);
}

void mask_told_event(const struct mask *mask, struct event *event)
{
	switch (event->head.kind) {
	case EVENT_PROCESS:
		mask_process(mask, &event->process);
		break;
	case EVENT_TASK:
		mask_path(mask, event->task.path, sizeof(event->task.path));
		break;
	case EVENT_FACT:
		mask_fact(mask, &event->fact);
		break;
	default:
		break;
	}
}

void mask_told_finding(const struct mask *mask, struct finding *finding)
{
	mask_process(mask, &finding->process);
	for (size_t i = 0; i < finding->related_count; i++)
		mask_path(mask, finding->related[i].exe, sizeof(finding->related[i].exe));
	for (size_t i = 0; i < finding->facts_count; i++)
		mask_fact(mask, &finding->facts[i]);
}
