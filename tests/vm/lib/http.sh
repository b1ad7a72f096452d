# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A real web server and downloads from it, in the virtual machine. Sourced, after topology.sh.

HTTP_ROOT=/srv/www

# http_file NAME BYTES: a file of random bytes to serve, its checksum beside it.
http_file() {
	mkdir -p "$HTTP_ROOT" /run/sums
	head -c "$2" /dev/urandom >"$HTTP_ROOT/$1"
	sha256sum <"$HTTP_ROOT/$1" >"/run/sums/$1"
}

# http_start: nginx on port 80 of every address, with what a static file server has switched on.
http_start() {
	mkdir -p /run/nginx
	cat >/run/nginx/conf <<-'CONF'
		worker_processes 2;
		pid /run/nginx/pid;
		error_log /run/nginx/error;
		events { worker_connections 1024; }
		http {
			access_log off;
			sendfile on;
			tcp_nopush on;
			keepalive_timeout 65;
			client_body_temp_path /run/nginx/body;
			proxy_temp_path /run/nginx/proxy;
			fastcgi_temp_path /run/nginx/fastcgi;
			uwsgi_temp_path /run/nginx/uwsgi;
			scgi_temp_path /run/nginx/scgi;
			server {
				listen 80 backlog=1024;
				listen [::]:80 backlog=1024;
				root /srv/www;
			}
		}
	CONF
	# The worker runs as this user in Debian; the disk has its entry only if the package made one.
	nginx -q -c /run/nginx/conf -g 'user root;'
}

http_stop() {
	nginx -q -c /run/nginx/conf -g 'user root;' -s stop
}

# http_get I FAMILY NAME [CURL-OPTION...]: download NAME over path I (FAMILY 4 or 6), compare its checksum,
# print "seconds bytes". Fails on any error or difference.
http_get() {
	local i=$1 host name=$3 family=$2 file status=0
	shift 3
	if [ "$family" = 6 ]; then host="[fd8$i::1]"; else host="10.8.$i.1"; fi
	file=$(mktemp /tmp/get.XXXXXX)
	client "$i" curl -sS --fail -o "$file" -w '%{time_total} %{size_download}\n' "$@" "http://$host/$name" || status=$?
	if [ "$status" = 0 ] && [ "$(sha256sum <"$file")" != "$(cat "/run/sums/$name")" ]; then
		echo "http_get: $name arrived with a wrong checksum" >&2
		status=90
	fi
	rm -f "$file"
	return "$status"
}

# tcp_count NAME: a counter of the server's TCP since boot, such as TcpRetransSegs or TcpOutSegs.
tcp_count() {
	nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'
}
