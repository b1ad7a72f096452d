# SPDX-License-Identifier: GPL-2.0
# Makes lotserver.conf(5) of the tables in Documentation/lotserver.rst, so that there is one list of keys:
#
#   awk -f Documentation/man/lotserver.conf.5.awk Documentation/lotserver.rst >lotserver.conf.5

function roff(text) {
	gsub(/\\/, "\\e", text)
	gsub(/``/, "", text)
	gsub(/""/, "\"", text)
	# A section of that page which this one has not.
	sub(/, see below$/, ", see lotServer.sh(8)", text)
	gsub(/-/, "\\-", text)
	sub(/^[.']/, "\\\\\\&&", text)
	return text
}

BEGIN {
	print ".\\\" Made of Documentation/lotserver.rst; change it there."
	print ".TH LOTSERVER.CONF 5 \"\" appex \"File formats\""
	print ".SH NAME\nlotserver.conf \\- configuration of lotServer.sh, /appex/etc/config"
	print ".SH SYNOPSIS\n.I /appex/etc/config"
	print ".SH DESCRIPTION"
	print "One\n.IR key =\\(dqvalue\\(dq\na line; single quotes and none are accepted as well. A\n.B #"
	print "begins a comment. The file is read as data and never executed: nothing in a value is expanded."
	print ".P\nA key that is absent or empty has its default; only\n.B accif\nmust be there. After a change run"
	print ".BR \"lotServer.sh reload\" ,\nor for the keys marked R"
	print ".BR \"lotServer.sh restart\" .\nA wrong value is named with its line and what is accepted, and nothing is changed."
	print ".P\nKeys marked \\(lqno effect\\(rq are checked and kept, no more."
}

/^=====*$/ && previous ~ /^Configuration$/ { inside = 1 }
/^=====*$/ && previous !~ /^Configuration$/ { inside = 0 }
inside && /^-----*$/ && previous != "Accepted without effect" {
	print ".SH " toupper(previous)
}
inside && /^   "``/ {
	line = $0
	sub(/^ *"/, "", line)
	sub(/" *$/, "", line)
	# An empty field looks like a quote in quotes.
	gsub(/", "", "/, "\", \"\001\", \"", line)
	n = split(line, field, /", "/)
	if (n != 5) {
		print FILENAME ":" FNR ": not a row of five fields" > "/dev/stderr"
		failed = 1
		exit 1
	}
	print ".TP\n.B " roff(field[1])
	restart = ""
	if (sub(/^R\. /, "", field[5])) restart = " R."
	print roff(field[5]) (field[5] ~ /\.$/ ? "" : ".")
	print "Accepted: " roff(field[3]) "."
	if (field[2] != "\001") print "Default: " roff(field[2]) "."
	if (restart != "") print "R."
	if (field[4] == "no") print "No effect."
	keys++
}
{ previous = $0 }

END {
	if (failed || keys < 50) exit 1
	print ".SH OTHER KEYS\nThose of the licence, the daemon, the user\\-mode variant and the two\\-sided cache of LotServer are accepted"
	print "with any value and do nothing."
	print ".SH FILES\n.TP\n.I /appex/etc/config\nin the Debian package a conffile,\n.IR /etc/appex/config"
	print ".SH SEE ALSO\n.BR lotServer.sh (8),\n.BR appex (4)"
}
