<?php
require 'db.php';
$files = count(glob('uploads/*.txt'));
$rows = $db->query('SELECT count(*) FROM pictures')->fetch_row()[0];
header('Content-Type: text/html; charset=utf-8');
?>
<!DOCTYPE html>
<title><?= htmlspecialchars(getenv('GALLERY_TITLE')) ?></title>
<h1><?= htmlspecialchars(getenv('GALLERY_TITLE')) ?></h1>
<p><?= $rows ?> pictures, <?= $files ?> files</p>
