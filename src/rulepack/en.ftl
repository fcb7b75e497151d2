rulepack-shape = The rule pack is not right: { $reason }
    .hint = Compare it with rulepacks/demo.toml, which explains each field.
rulepack-format = The rule pack has the format "{ $found }".
    .hint = This program reads sealbid/rulepack/v1.
rulepack-zone = The rule pack names the unknown time zone "{ $found }".
    .hint = Use a name of the time zone database, such as Asia/Shanghai.
rulepack-range = A date is out of the calendar's range.
    .hint = Check the year; calendars reach about ten years.

rulepack-say-calendar-days = calendar days
rulepack-say-working-days = working days
rulepack-say-hours = hours
rulepack-say-minutes = minutes
rulepack-say-seconds = seconds

rulepack-say-exact = { $value } { $unit } after { $start } is { $end } ({ $article }).
rulepack-say-days = { $start } starts the period; its day is not counted, and the last of { $value } { $unit } is { $day }, so { $end } is the earliest ({ $article }).
rulepack-say-moved = { $start } starts the period; its day is not counted, and the last of { $value } { $unit } is { $day }, a day off, so it moves to { $moved } and { $end } is the earliest ({ $article }).
rulepack-say-objections = Objections to the documents come { $value } { $unit } before the deadline { $deadline }: until { $last } ({ $article }).
rulepack-say-open-at-deadline = The opening begins at the deadline { $deadline } ({ $article }).
rulepack-say-open-from-deadline = The opening begins at the deadline { $deadline } or later ({ $article }).
rulepack-say-challenge = The challenge window lasts at least { $value } { $unit } ({ $article }).
rulepack-say-min-bidders = With fewer than { $value } bids nothing is opened ({ $article }).
rulepack-say-outage-inside = The deadline { $before } lay inside the outage from { $from } to { $recovered }: the new deadline is { $deadline }, the opening { $open } ({ $article }).
rulepack-say-outage-near = The deadline { $before } came shortly after the outage from { $from } to { $recovered }: the new deadline is { $deadline }, the opening { $open } ({ $article }).
rulepack-say-outage-long = The outage from { $from } to { $recovered } was long and touched the deadline { $before }: the new deadline is { $deadline }, the opening { $open } ({ $article }).
rulepack-say-outage-next-day = The outage from { $from } to { $recovered } moved the deadline { $before } out of office hours: it is on a working day at the same hour, { $deadline }, the opening { $open } ({ $article }).

rulepack-say-start = { $name } does not start at { $start }
rulepack-say-in-days = a length of time in it is counted in days
rulepack-say-both = { $day } is both off and worked
rulepack-say-committee = a number of the committee is 0, or a part is larger than its whole
