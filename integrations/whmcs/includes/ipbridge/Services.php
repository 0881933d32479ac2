<?php

declare(strict_types=1);

namespace Ipbridge;

/** What WHMCS does with services, and what ipbridge shall know of it. */
final class Services
{
    /**
     * @param array<string, mixed> $config as config.php returns it
     * @param \Closure(string, array<string, mixed>): array<string, mixed> $api WHMCS's localAPI
     * @param \Closure(string): void $log WHMCS's activity log
     */
    public function __construct(
        private readonly array $config,
        private readonly Client $client,
        private readonly \Closure $api,
        private readonly \Closure $log,
    ) {
    }

    /**
     * Before a module creates an account: gets the addresses, or stops it.
     *
     * @param array<string, mixed> $params of the module
     * @return array<string, mixed> what the module is told, or `abortcmd`
     */
    public function beforeCreate(array $params): array
    {
        $data = $this->created($params);
        if ($data === null) {
            return [];
        }
        try {
            $outcome = $this->client->send('service.created', $data, $this->config['wait']);
        } catch (Failure $failure) {
            return $this->abort($params, $failure->getMessage());
        }
        $addresses = array_map(fn(array $a): string => (string) $a['address'], $outcome['addresses'] ?? []);
        if (($outcome['state'] ?? '') !== 'done' || $addresses === []) {
            $why = $outcome['errors'][0]['message'] ?? 'the addresses are not ready yet';
            return $this->abort($params, (string) $why);
        }
        $this->save((int) $params['serviceid'], $addresses);
        return ['dedicatedip' => $addresses[0], 'assignedips' => implode("\n", array_slice($addresses, 1))];
    }

    /** After it: some modules write the fields themselves. @param array<string, mixed> $params */
    public function afterCreate(array $params): void
    {
        if ($this->knows($params)) {
            $this->refresh((int) $params['serviceid']);
        }
    }

    /** The account was not created: the addresses go back. @param array<string, mixed> $params */
    public function failed(array $params): void
    {
        if ($this->knows($params) && !$this->runs((int) $params['serviceid'])) {
            $this->goneById((int) $params['serviceid']);
        }
    }

    /** The account is no more: the addresses go back. @param array<string, mixed> $params */
    public function gone(array $params): void
    {
        if ($this->knows($params)) {
            $this->goneById((int) $params['serviceid']);
        }
    }

    public function deleted(int $service): void
    {
        $product = $this->product($service);
        if ($product === null || $this->knows($product)) {
            $this->goneById($service);
        }
    }

    private function goneById(int $service): void
    {
        $this->tell('service.deleted', ['service' => $this->nameOf($service)]);
        ($this->api)('UpdateClientProduct', ['serviceid' => $service, 'unset' => ['dedicatedip', 'assignedips']]);
    }

    /** A service was edited: its domain, which names its addresses, may be another one. */
    public function edited(int $service): void
    {
        $product = $this->product($service);
        if ($product === null || $product['status'] !== 'Active') {
            return;
        }
        $data = $this->created($product);
        if ($data !== null) {
            unset($data['addresses']);
            $this->tell('service.created', $data);
        }
    }

    public function addonOrdered(int $addon, int $id, int $service): void
    {
        $wanted = $this->config['addons'][$addon] ?? null;
        if ($wanted === null) {
            return;
        }
        $data = ['service' => $this->nameOf($service), 'order' => "addon-$id"] + $wanted + ['count' => 1];
        try {
            $this->client->send('ip.ordered', $data, $this->config['wait']);
            $this->refresh($service);
        } catch (Failure $failure) {
            ($this->log)("ipbridge: extra address of service $service: {$failure->getMessage()}");
            if ($failure->heals) {
                $this->tell('ip.ordered', $data);
            }
        }
    }

    public function addonGone(int $addon, int $id, int $service): void
    {
        if (isset($this->config['addons'][$addon])) {
            $this->tell('ip.cancelled', ['service' => $this->nameOf($service), 'order' => "addon-$id"]);
        }
    }

    /** From the cron job: what could not be told before. */
    public function flush(): void
    {
        $left = $this->client->flush();
        if ($left > 0) {
            ($this->log)("ipbridge: $left events could not be told yet");
        }
    }

    /** @param array<string, mixed> $params @return array<string, mixed>|null null for products without addresses */
    private function created(array $params): ?array
    {
        $product = $this->config['products'][(int) $params['pid']] ?? null;
        if ($product === null) {
            return null;
        }
        $server = $this->config['servers'][(int) ($params['serverid'] ?? 0)] ?? ($params['serverhostname'] ?? '');
        $service = [
            'id' => $this->nameOf((int) $params['serviceid']),
            'kind' => $product['kind'],
            'client' => (string) $params['userid'],
            'domain' => (string) $params['domain'],
            'server' => (string) $server,
        ];
        return ['service' => $service] + (isset($product['addresses']) ? ['addresses' => $product['addresses']] : []);
    }

    /** @param array<string, mixed> $params */
    private function knows(array $params): bool
    {
        return isset($this->config['products'][(int) $params['pid']]);
    }

    /** Two WHMCS may count their services alike; their sources tell them apart. */
    private function nameOf(int $service): string
    {
        return trim(str_replace('/', '-', $this->config['source']), '-') . "-$service";
    }

    /**
     * Whether a service has an account that uses its addresses. Staff may tell WHMCS to create one once more, which
     * fails; the addresses must not go back then.
     */
    private function runs(int $service): bool
    {
        return in_array($this->product($service)['status'] ?? '', ['Active', 'Suspended'], true);
    }

    /** A service as WHMCS has it, with the names that modules use. @return array<string, mixed>|null */
    private function product(int $service): ?array
    {
        $answer = ($this->api)('GetClientsProducts', ['serviceid' => $service]);
        $product = $answer['products']['product'][0] ?? null;
        return $product === null ? null : [
            'serviceid' => $service,
            'pid' => $product['pid'],
            'userid' => $product['clientid'],
            'domain' => $product['domain'],
            'serverid' => $product['serverid'] ?? 0,
            'serverhostname' => $product['serverhostname'] ?? '',
            'status' => $product['status'],
        ];
    }

    /** @param array<string, mixed> $data */
    private function tell(string $type, array $data): void
    {
        try {
            $this->client->tell($type, $data);
        } catch (Failure $failure) {
            ($this->log)("ipbridge: $type was not taken: {$failure->getMessage()}");
        }
    }

    /** Writes into WHMCS what ipbridge says that the service has. */
    private function refresh(int $service): void
    {
        try {
            $this->save($service, $this->client->addressesOf($this->nameOf($service)));
        } catch (Failure $failure) {
            ($this->log)("ipbridge: the addresses of service $service could not be read: {$failure->getMessage()}");
        }
    }

    /** @param list<string> $addresses */
    private function save(int $service, array $addresses): void
    {
        if ($addresses === []) {
            return;
        }
        $fields = ['dedicatedip' => $addresses[0], 'assignedips' => implode("\n", array_slice($addresses, 1))];
        $answer = ($this->api)('UpdateClientProduct', ['serviceid' => $service] + $fields);
        if (($answer['result'] ?? '') !== 'success') {
            $why = $answer['message'] ?? 'no reason given';
            ($this->log)("ipbridge: the addresses of service $service could not be written into WHMCS: $why");
        }
    }

    /** @param array<string, mixed> $params @return array<string, mixed> */
    private function abort(array $params, string $why): array
    {
        ($this->log)("ipbridge: service {$params['serviceid']} is not created, since it has no address: $why");
        // What was or will be taken for it goes back; the next try asks anew.
        if (!$this->runs((int) $params['serviceid'])) {
            $this->tell('service.deleted', ['service' => $this->nameOf((int) $params['serviceid'])]);
        }
        return ['abortcmd' => true];
    }
}
