# Make a repository laid out and signed as nginx.org's is, of the newest nginx that Debian has in one package as there.
export DEBIAN_FRONTEND=noninteractive
cat > /etc/apt/sources.list.d/sid.sources <<SOURCES
Types: deb
URIs: mirror+file:/etc/apt/mirrors/debian.list
Suites: sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
printf 'Package: *\nPin: release n=sid\nPin-Priority: 100\n' > /etc/apt/preferences.d/sid
apt-get update
apt-get install --yes --no-install-recommends apt-utils gpg gpg-agent
pool=/srv/nginx.org/dists/trixie/nginx/binary-$(dpkg --print-architecture)
mkdir -p "$pool"
cd "$pool"
for package in nginx nginx-common libpcre2-8-0; do apt-get download -o APT::Sandbox::User=root "$package/sid"; done
rm /etc/apt/sources.list.d/sid.sources /etc/apt/preferences.d/sid
dpkg-deb --raw-extract nginx_*.deb package
dpkg-deb --extract nginx-common_*.deb package
rm -r nginx_*.deb nginx-common_*.deb package/DEBIAN/* package/etc/nginx/sites-* package/etc/nginx/modules-*
mkdir -p package/etc/nginx/conf.d
cat > package/etc/nginx/nginx.conf <<'CONF'
user nginx;
pid /run/nginx.pid;
events { }
http {
    include /etc/nginx/mime.types;
    include /etc/nginx/conf.d/*.conf;
}
CONF
cat > package/etc/nginx/conf.d/default.conf <<'CONF'
server {
    listen 80;
    server_name localhost;
    location / { root /usr/share/nginx/html; }
}
CONF
cat > package/DEBIAN/control <<CONTROL
Package: nginx
Version: 1.30.6-1~trixie
Architecture: $(dpkg --print-architecture)
Maintainer: The tests <packages@example.com>
Depends: libc6, libcrypt1, libpcre2-8-0 (>= 10.47), libssl3t64, zlib1g
Provides: httpd
Conflicts: nginx-common, nginx-core
Replaces: nginx-common, nginx-core
Description: nginx as nginx.org packages it
CONTROL
(cd package; find etc -type f -printf '/%p\n') > package/DEBIAN/conffiles
cat > package/DEBIAN/postinst <<'POSTINST'
#!/bin/sh
set -e
getent passwd nginx >/dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin nginx
chmod +x /etc/init.d/nginx
systemctl enable --quiet nginx
invoke-rc.d nginx start || true
POSTINST
chmod 755 package/DEBIAN/postinst
dpkg-deb --build package "nginx_1.30.6-1~trixie_$(dpkg --print-architecture).deb"
rm -r package
cd /srv/nginx.org
apt-ftparchive packages dists > "$pool/Packages"
apt-ftparchive -o APT::FTPArchive::Release::Origin=nginx -o APT::FTPArchive::Release::Codename=trixie \
  -o APT::FTPArchive::Release::Components=nginx release dists/trixie > Release
mv Release dists/trixie
gpg --batch --passphrase '' --quick-generate-key packages@example.com default default never
gpg --clearsign --output dists/trixie/InRelease dists/trixie/Release
gpg --armor --export packages@example.com > nginx_signing.key
apt-get update
