"""The judge of the real test, held to made-up sights."""
import unittest

import report


def chat(ttft, tasks=(), errors=()):
    return {"ttft": ttft, "errors": list(errors), "suggestions": [],
            "tasks": [{"kind": kind, "after": 5.0 if valid else None, "valid": valid} for kind, valid in tasks]}


def ways(direct_on, tasklane_on):
    seen = {"direct, tasks off": chat([0.2, 0.4, 0.4]), "direct, tasks on": direct_on,
            "tasklane, tasks off": chat([0.2, 0.4, 0.4]), "tasklane, tasks on": tasklane_on}
    return {name: report.figures([one]) for name, one in seen.items()}


SERVED = [("title", True), ("tags", False), ("follow-ups", True)]


class TheVerdict(unittest.TestCase):
    def test_is_clean_where_chats_are_faster_and_tasks_come(self):
        seen = ways(chat([4, 2, 2], SERVED), chat([0.3, 0.5, 0.5], SERVED))
        self.assertEqual(report.faults(seen, chats_seen=6), [])

    def test_holds_against_the_ideal_where_no_more_was_played(self):
        for ttft, expected in ([0.3, 0.5, 0.5], []), ([0.9, 0.9, 0.9], ["the first token took 0.90 s through Tasklane and 0.40 s "
                                                                     "direct (p50, tasks off)"]):
            seen = ways(chat([9, 9, 9], SERVED), chat(ttft, SERVED))
            beside = {name: seen[name] for name in ("direct, tasks off", "tasklane, tasks on")}
            self.assertEqual(report.faults(beside, chats_seen=3), expected)

    def test_forgives_what_a_shared_machine_does_and_no_more(self):
        direct = chat([2, 2, 2], SERVED)
        self.assertEqual(report.faults(ways(direct, chat([2.4, 2.4, 2.4], SERVED)), 6), [])
        self.assertIn("2.60 s through Tasklane and 2.00 s direct", report.faults(ways(direct, chat([2.6, 2.6, 2.6], SERVED)), 6)[0])
        quick = chat([0.1, 0.1, 0.1], SERVED)
        self.assertEqual(report.faults(ways(quick, chat([0.3, 0.3, 0.3], SERVED)), 6), [])

    def test_names_each_chat_that_failed_through_tasklane(self):
        broken = chat([0.3, None, 0.5], SERVED, ["502 from the model"])
        self.assertIn("502 from the model", report.faults(ways(chat([4, 2, 2], SERVED), broken), 6)[0])

    def test_finds_fault_where_no_task_came(self):
        idle = chat([0.3, 0.5, 0.5], [("title", False), ("follow-ups", False)])
        self.assertIn("of 2 tasks through Tasklane none", report.faults(ways(chat([4, 2, 2], SERVED), idle), 6)[0])

    def test_finds_fault_where_chats_went_past_tasklane(self):
        seen = ways(chat([4, 2, 2], SERVED), chat([0.3, 0.5, 0.5], SERVED))
        self.assertIn("saw 2 of the 6 turns", report.faults(seen, chats_seen=2)[0])

    def test_finds_fault_where_nothing_was_answered_direct(self):
        silent = chat([None, None, None], [], ["no model"])
        self.assertIn("nothing to compare", report.faults(ways(silent, chat([0.3, 0.5, 0.5], SERVED)), 6)[0])


class TheTable(unittest.TestCase):
    def test_has_a_line_for_each_way_and_the_ideal_beside(self):
        text = report.table(ways(chat([4, 2, 3], SERVED), chat([0.3, 0.5, 0.7], SERVED)), "made up")
        self.assertRegex(text, r"direct, tasks on +4.00 / 4.00 +2.50 / 3.00 +2 of 3 +5.0 +1 of 1 +0 of 1 +1 of 1 +0\n")
        self.assertIn("takes 1.5 times (first turns) and 1.5 times (later turns)", text)

    def test_says_how_many_answers_of_the_model_the_page_can_read(self):
        self.assertIn("Of 8 answers", report.readable({"json_answers": 8, "json_unreadable": 2}))
        self.assertIn("6 were (75 %)", report.readable({"json_answers": 8, "json_unreadable": 2}))
        self.assertIn("No task", report.readable({"json_answers": 0, "json_unreadable": 0}))

    def test_leaves_empty_what_nobody_saw(self):
        self.assertIn("takes ? times", report.table(ways(chat([None] * 3), chat([None] * 3)), "made up"))


if __name__ == "__main__":
    unittest.main()
