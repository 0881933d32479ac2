#!/bin/sh
# Installs (or takes away) ipbridge's plugin for BILLmanager 5 and 6. Run as root on BILLmanager's host.
#   ./install.sh [--remove] [--root FOLDER]     FOLDER: as if that were / (nothing is started then)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root='' remove=no
while [ $# -gt 0 ]; do
  case $1 in
  --root) root=${2:?--root takes a folder} && shift ;;
  --remove) remove=yes ;;
  *) sed -n '2,3s/^# //p' "$0" >&2 && exit 2 ;;
  esac
  shift
done
mgr=$root/usr/local/mgr5
lib=$root/usr/local/lib/ipbridge-billmanager
etc=$root/etc/ipbridge-billmanager
spool=$root/var/spool/ipbridge-billmanager
unit=$root/etc/systemd/system/ipbridge-billmanager.service

[ -n "$root" ] || [ "$(id -u)" = 0 ] || { echo 'run it as root' >&2; exit 1; }
[ -d "$mgr/etc/xml" ] || { echo "$mgr/etc/xml is not there: is this BILLmanager's host?" >&2; exit 1; }
python3 -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || {
  echo 'Python 3.6 or later is needed: install python3 (no further modules)' >&2
  exit 1
}

# The panel reads its handlers when it starts; it starts by itself with the next request.
restart_panel() {
  rm -rf "$mgr/var/.xmlcache/billmgr"
  [ -n "$root" ] || "$mgr/sbin/mgrctl" -m billmgr exit >/dev/null || true
}

if [ "$remove" = yes ]; then
  [ -n "$root" ] || systemctl disable --now ipbridge-billmanager.service 2>/dev/null || true
  rm -rf "$mgr/etc/xml/billmgr_mod_ipbridge.xml" "$mgr/addon/ipbridge" "$lib" "$unit"
  restart_panel
  echo "removed; $etc and $spool are left as they are"
  exit 0
fi

mkdir -p "$mgr/addon" "$lib" "$etc" "$(dirname "$unit")"
(umask 077 && mkdir -p "$spool/tmp" "$spool/new" "$spool/out" "$spool/refused")
rm -rf "$lib/forwarder"
cp -R "$here/forwarder" "$lib/forwarder"
sed "s|^spool=.*|spool=$spool|" "$here/addon/ipbridge" >"$mgr/addon/ipbridge.new"
chmod 750 "$mgr/addon/ipbridge.new"
mv "$mgr/addon/ipbridge.new" "$mgr/addon/ipbridge"
if [ ! -e "$etc/config.json" ]; then
  (umask 077 && cp "$here/config.example.json" "$etc/config.json")
  echo "fill in $etc/config.json, then: systemctl restart ipbridge-billmanager"
fi
cp "$here/ipbridge-billmanager.service" "$unit"
# Last, so that nothing is noted before everything else is in its place.
cp "$here/etc/xml/billmgr_mod_ipbridge.xml" "$mgr/etc/xml/billmgr_mod_ipbridge.xml"
restart_panel
if [ -z "$root" ]; then
  systemctl daemon-reload
  systemctl enable ipbridge-billmanager.service
  # A forwarder that runs is one of the version before.
  systemctl restart ipbridge-billmanager.service
fi
echo 'installed'
