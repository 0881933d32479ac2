<?php

// WHMCS loads every file of includes/hooks. This one tells ipbridge what happens to services, and gets their
// addresses before their accounts are created. What it does is in includes/ipbridge; it never breaks WHMCS.

declare(strict_types=1);

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

require_once __DIR__ . '/../ipbridge/Client.php';
require_once __DIR__ . '/../ipbridge/Services.php';

(function (): void {
    $file = __DIR__ . '/../ipbridge/config.php';
    if (!is_file($file)) {
        return;
    }
    $config = (require $file) + ['wait' => 30, 'products' => [], 'servers' => [], 'addons' => []];
    $services = new Ipbridge\Services(
        $config,
        new Ipbridge\Client($config),
        fn(string $command, array $values): array => localAPI($command, $values),
        function (string $text): void {
            logActivity($text);
        },
    );

    /** Registers a hook that reports what goes wrong in it instead of breaking what WHMCS is doing. */
    $on = function (string $hook, callable $work): void {
        add_hook($hook, 1, function (array $vars) use ($hook, $work) {
            try {
                return $work($vars);
            } catch (Throwable $error) {
                logActivity("ipbridge: $hook: {$error->getMessage()}");
                // No account without its addresses.
                return $hook === 'PreModuleCreate' ? ['abortcmd' => true] : null;
            }
        });
    };

    $on('PreModuleCreate', fn(array $vars) => $services->beforeCreate($vars['params']));
    $on('AfterModuleCreate', fn(array $vars) => $services->afterCreate($vars['params']));
    $on('AfterModuleCreateFailed', fn(array $vars) => $services->failed($vars['params']));
    $on('AfterModuleTerminate', fn(array $vars) => $services->gone($vars['params']));
    $on('ServiceDelete', fn(array $vars) => $services->deleted((int) $vars['serviceid']));
    $on('ServiceEdit', fn(array $vars) => $services->edited((int) $vars['serviceid']));
    // A suspended service keeps its addresses: there is nothing to tell.

    $ordered = fn(array $vars) =>
        $services->addonOrdered((int) $vars['addonid'], (int) $vars['id'], (int) $vars['serviceid']);
    $on('AddonActivation', $ordered);
    $on('AddonActivated', $ordered);
    $cancelled = fn(array $vars) =>
        $services->addonGone((int) $vars['addonid'], (int) $vars['id'], (int) $vars['serviceid']);
    $on('AddonTerminated', $cancelled);
    $on('AddonCancelled', $cancelled);
    $on('AddonDeleted', $cancelled);

    $on('PreCronJob', fn() => $services->flush());
})();
