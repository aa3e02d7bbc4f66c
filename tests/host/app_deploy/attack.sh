#!/bin/sh
# Write to another release in every way that the code of an application has: attack.sh APP LIVE MARK
# What fails is passed over; the test compares the bytes of the other release. MARK is left where it may be.
app=/srv/$1 live=$2 mark=$3
set +eu
exec 2>/dev/null </dev/null
echo "$mark as $(id -un)" >> attacked
write() { for file; do [ -e "$file" ] || [ -L "$file" ] && { chmod u+w "$file"; echo "$mark" >> "$file"; truncate -s 1 "$file"; }; done; }

# By its name, by the way back, by the link, by a link of the source.
(cd ../"$live" && write app.py)
(cd ../"$live"; cd /; write "$OLDPWD/app.py" "$OLDPWD/../$live/app.py")
write "$app/releases/$live/app.py" "$app/current/app.py" "$app/previous/app.py" out outdir/app.py
write "$app"/releases/*/app.py "$app"/releases/*/.venv/lib/*/site-packages/*.py
cp app.py "$app/releases/$live/new.py"; touch "$app/current/new.py"; mv attacked "$app/releases/$live/"

# By the files that are linked with the other environment, and by what was compiled of them.
find .venv/ -type f -links +1 | while read -r file; do write "$file"; done
find .venv/ -name '*.pyc' -links +1 | while read -r file; do write "$file"; done
for file in .venv/lib/*/site-packages/six.py; do
  ln "$file" hard.py && write hard.py
  ln "$app/releases/$live/app.py" harder.py && write harder.py
  python3 -c "import os, sys; os.truncate(sys.argv[1], 0)" "$file"
  python3 -c "import os, sys; os.chmod(sys.argv[1], 0o666)" "$file"
done

# By the caches, and an installer that is to link from them.
for cache in "$app/dependencies" "$app/cache" "$UV_CACHE_DIR"; do
  find "$cache" -name '*.py' | while read -r file; do write "$file"; done
  UV_CACHE_DIR=$cache UV_LINK_MODE=hardlink uv pip install --reinstall six==1.17.0 && write .venv/lib/*/site-packages/six.py
done

# By other applications, the records, the locks, the logs.
write /srv/other/app.py /srv/other/*/app.py /var/log/app_deploy/*.log /run/app_deploy/* /etc/gunicorn/* /var/backups/*
ls -R /srv/other /var/backups /etc/gunicorn /root /home > seen; cat /srv/other/app.py >> seen

# By other processes: their view of the file system, those of systemd, and some that outlive the command.
for process in /proc/[0-9]*; do
  write "$process/root$app/releases/$live/app.py" "$process/cwd/../$live/app.py" "$process/root/srv/other/app.py"
done
unshare --user --map-root-user --mount sh -c "umount -l /srv; umount -l $app; echo $mark >> $app/releases/$live/app.py"
systemd-run --quiet --wait sh -c "echo $mark >> $app/releases/$live/app.py"
systemd-run --user --quiet --wait sh -c "echo $mark >> $app/releases/$live/app.py"
echo "* * * * * echo $mark >> $app/releases/$live/app.py" | crontab -
(setsid sh -c "sleep 1; echo $mark >> $app/releases/$live/app.py; echo late >> $PWD/outlived" &)

# By rights that a file keeps, for whoever runs it later.
cp /bin/sh shell && chmod 6755 shell
[ ! -u shell ] || ./shell -p -c "echo $mark >> $app/releases/$live/app.py"
mkdir -p public && ln -sfn "$app/releases/$live/app.py" public/app.py && ln -sfn "$app/releases/$live" public/live
exit 0
