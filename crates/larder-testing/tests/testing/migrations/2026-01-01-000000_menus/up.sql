CREATE TABLE menus (id bigint PRIMARY KEY, restaurant bigint NOT NULL, price bigint NOT NULL);
INSERT INTO menus VALUES (1, 7, 12), (2, 7, 30), (3, 8, 25);
