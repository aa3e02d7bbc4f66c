# Makes what a frontend's build leaves, in two releases, and files that a user of their own keeps to itself.
useradd --system uploader
mkdir -p /srv/page/current/assets /srv/page/previous/assets /srv/page/shared
cd /srv/page/current
echo page 2 > index.html
for name in assets/index-Diw4gTda.js assets/app-settings.js assets/hero-VERTICAL.svg assets/worker.mjs main-5UAQVAQB.js \
    main.3f2a9c1b.js module.wasm site.webmanifest font.woff2 photo.avif main.js.map; do
  echo 2 > $name
done
cd /srv/page/previous
echo page 1 > index.html
echo 1 > assets/index-Old0ld1A.js
cd /srv/page/shared
umask 077
mkdir -p media/photos private
echo a cat > media/cat.txt
echo '<svg/>' > media/photos/cat.svg
echo png > media/photos/cat.png
printf 0123456789 > private/report.bin
ln -s /etc/passwd media/link.txt
chown -Rh uploader: media private
