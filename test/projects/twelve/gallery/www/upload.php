<?php
require 'db.php';
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    header('Content-Type: text/plain');
    $rows = $db->query('SELECT count(*) FROM pictures')->fetch_row()[0];
    $files = count(glob('uploads/*.txt'));
    echo $rows == $files ? $rows : "$rows rows and $files files";
    exit;
}
$file = bin2hex(random_bytes(8)) . '.txt';
if (file_put_contents("uploads/$file", file_get_contents('php://input')) === false) {
    http_response_code(500);
    exit;
}
$stored = $db->prepare('INSERT INTO pictures (file) VALUES (?)');
$stored->bind_param('s', $file);
$stored->execute();
http_response_code(201);
