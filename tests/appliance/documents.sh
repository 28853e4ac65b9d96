# What documents tell people to run is run as it stands there. Sourced by bash behind tools/lib/common.sh.

# copied_from FILE NAME: the block of code behind "<!-- run: NAME -->".
copied_from() { awk -v mark="<!-- run: $2 -->" '$0 == mark { found = 1; next } found && /^```/ { if (inside) exit; inside = 1; next } inside' "$root_dir/$1"; }
