<?php

// Stands in for WHMCS: runs one hook of integrations/whmcs with what WHMCS would pass, and prints as JSON what the
// hook answered and what it asked of WHMCS. Input on standard input: {hook, vars, products}.

declare(strict_types=1);

define('WHMCS', true);

$asked = ['hooks' => [], 'api' => [], 'log' => []];
$input = json_decode((string) stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);

function add_hook(string $name, int $priority, callable $work): void
{
    global $asked;
    $asked['hooks'][$name][] = $work;
}

/** @param array<string, mixed> $values @return array<string, mixed> */
function localAPI(string $command, array $values): array
{
    global $asked, $input;
    $asked['api'][] = [$command, $values];
    if ($command !== 'GetClientsProducts') {
        return ['result' => 'success'];
    }
    $product = $input['products'][(string) $values['serviceid']] ?? null;
    return ['result' => 'success', 'products' => ['product' => $product === null ? [] : [$product]]];
}

function logActivity(string $text): void
{
    global $asked;
    $asked['log'][] = $text;
}

require $argv[1] . '/includes/hooks/ipbridge.php';

$answers = [];
foreach ($asked['hooks'][$input['hook']] ?? [] as $work) {
    $answers[] = $work($input['vars']);
}
echo json_encode(['answers' => $answers, 'api' => $asked['api'], 'log' => $asked['log']]);
