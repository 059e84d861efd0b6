<?php
// pgAdmin's health path, then Adminer for everything else.
$path = parse_url($_SERVER["REQUEST_URI"], PHP_URL_PATH);
if ($path === "/misc/ping") {
    echo "PING";
    return true;
}
// Adminer opens on PostgreSQL; whoever logs in names another server if there is one.
if ($path === "/" && !isset($_GET["pgsql"]) && !$_POST && !isset($_GET["file"])) {
    header("Location: /?pgsql=postgres&username=" . urlencode(getenv("PGADMIN_DATABASE_USER") ?: "app"));
    return true;
}
// The browser must not ask Adminer's home for a newer version.
$_COOKIE["adminer_version"] = "0.0";
chdir("/usr/share/adminer");
include "/usr/share/adminer/adminer.php";
