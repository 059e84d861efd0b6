<?php
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = new mysqli(getenv('DB_HOST'), getenv('DB_USER'), getenv('DB_PASSWORD'), getenv('DB_NAME'));
$db->query('CREATE TABLE IF NOT EXISTS pictures (id INT AUTO_INCREMENT PRIMARY KEY, file VARCHAR(100) NOT NULL)');
