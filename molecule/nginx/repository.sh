# Make a repository laid out and signed as nginx.org's is, of the newest nginx that Debian has.
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
cd /srv/nginx.org
apt-ftparchive packages dists > "$pool/Packages"
apt-ftparchive -o APT::FTPArchive::Release::Origin=nginx -o APT::FTPArchive::Release::Codename=trixie \
  -o APT::FTPArchive::Release::Components=nginx release dists/trixie > Release
mv Release dists/trixie
gpg --batch --passphrase '' --quick-generate-key packages@example.com default default never
gpg --clearsign --output dists/trixie/InRelease dists/trixie/Release
gpg --armor --export packages@example.com > nginx_signing.key
apt-get update
