<?php
// Copy to config.php in this folder and fill in. ipbridge.php in includes/hooks reads it.

return [
    // Where ipbridge's API is, and a token of the role `billing`.
    'url' => 'https://ipbridge.example.net',
    'token' => '',

    // Names this WHMCS among several that use one ipbridge.
    'source' => '/whmcs/main',

    // Which products get addresses: product ids, each with what ipbridge shall know and give.
    // `kind` as ipbridge calls it; `addresses` as in its event `service.created`; `wait` in seconds.
    'products' => [
        // 12 => ['kind' => 'vps'],
        // 13 => ['kind' => 'dedicated', 'addresses' => [['family' => 'ipv4'], ['family' => 'ipv6']]],
    ],

    // WHMCS servers, by id, and what ipbridge calls them. Others are known by their host name.
    'servers' => [
        // 3 => 'node1',
    ],

    // Add-ons that are extra addresses, by add-on id.
    'addons' => [
        // 5 => ['family' => 'ipv4', 'count' => 1],
    ],

    // How long to wait for an address before the account is created, in seconds (1 to 60).
    'wait' => 30,

    // What could not be told to ipbridge is kept here until it can. Must survive restarts; must not be served.
    'spool' => __DIR__ . '/spool',
];
