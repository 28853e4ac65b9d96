"""From what the pages saw to a table and a verdict."""
import math
import statistics

# Rule zero, with room for a shared machine's moods: a median worse by more than both of these is a fault.
WORSE_BY_FACTOR, WORSE_BY_SECONDS = 1.25, 0.25


def figures(chats):
    """One way's chats in numbers."""
    turns = [chat["ttft"] for chat in chats]
    tasks = [task for chat in chats for task in chat["tasks"]]
    delivered = [task for task in tasks if task["valid"]]
    kinds = {}
    for task in tasks:
        of_kind = kinds.setdefault(task["kind"], {"asked": 0, "delivered": 0})
        of_kind["asked"] += 1
        of_kind["delivered"] += task["valid"]
    suggestions = [seconds for chat in chats for seconds in chat["suggestions"]]
    return {"first": [ttft[0] for ttft in turns if ttft[0] is not None],
            "later": [seconds for ttft in turns for seconds in ttft[1:] if seconds is not None],
            "errors": [error for chat in chats for error in chat["errors"]],
            "asked": len(tasks), "delivered": len(delivered), "delays": [task["after"] for task in delivered], "kinds": kinds,
            "suggestions_asked": len(suggestions), "suggestions": [seconds for seconds in suggestions if seconds is not None]}


def median(values):
    return statistics.median(values) if values else math.nan


def every(way):
    return way["first"] + way["later"]


def seconds(value, digits=2):
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def pair(values):
    return f"{seconds(median(values))} / {seconds(max(values))}" if values else ""


def table(ways, title):
    """The table that people read: seconds to the first token, and what came of the tasks."""
    rows = [["", "first turn", "later turns", "tasks", "after", "title", "tags", "follow-ups", "errors"],
            ["", "p50 / worst", "p50 / worst", "delivered", "p50", "", "", "", ""]]
    for name, way in ways.items():
        kinds = [f"{way['kinds'][kind]['delivered']} of {way['kinds'][kind]['asked']}" if kind in way["kinds"] else ""
                 for kind in ("title", "tags", "follow-ups")]
        rows.append([name, pair(way["first"]), pair(way["later"]), f"{way['delivered']} of {way['asked']}" if way["asked"] else "",
                     seconds(median(way["delays"]), 1), *kinds, str(len(way["errors"]))])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
             for row in rows]
    return "\n".join([title, "", *lines, "",
                      "Seconds. A task counts as delivered when the page could use it: valid JSON of its kind.", compared(ways)])


def compared(ways):
    """Tasklane with the automations on beside the ideal: direct with none."""
    def ratio(turns):
        ideal, real = median(ways["direct, tasks off"][turns]), median(ways["tasklane, tasks on"][turns])
        return "?" if math.isnan(ideal) or math.isnan(real) else f"{real / ideal:.1f}"
    return (f"Tasklane with all automations takes {ratio('first')} times (first turns) and {ratio('later')} times (later turns) "
            "as long to the first token as direct with none, p50.")


def readable(relay):
    """What the model's answers to tasks were worth to the page, by the agent's own count."""
    answers = relay["json_answers"]
    if not answers:
        return "No task that wants JSON was answered by a model through Tasklane."
    good = answers - relay["json_unreadable"]
    return f"Of {answers} answers of the model to tasks that want JSON, through Tasklane, {good} were ({100 * good / answers:.0f} %)."


def faults(ways, chats_seen):
    """What breaks rule zero, or shows that nothing was tested; empty: passed."""
    tasks = "on" if "direct, tasks on" in ways else "off"  # the ideal where no more was played
    direct, tasklane = ways[f"direct, tasks {tasks}"], ways["tasklane, tasks on"]
    through = [way for name, way in ways.items() if name.startswith("tasklane")]
    found = [f"a chat through Tasklane: {error}" for way in through for error in way["errors"]]
    if not every(direct):
        found.append(f"no chat was answered without Tasklane, so there is nothing to compare: {direct['errors'][:1]}")
    expected = sum(len(every(way)) for way in through)
    if chats_seen < expected:
        found.append(f"Tasklane saw {chats_seen} of the {expected} turns that were to go through it")
    if tasklane["delivered"] == 0:
        found.append(f"of {tasklane['asked']} tasks through Tasklane none was delivered")
    without, within = median(every(direct)), median(every(tasklane))
    if within > without * WORSE_BY_FACTOR and within > without + WORSE_BY_SECONDS:
        found.append(f"the first token took {within:.2f} s through Tasklane and {without:.2f} s direct (p50, tasks {tasks})")
    return found
