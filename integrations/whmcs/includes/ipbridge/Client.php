<?php

declare(strict_types=1);

namespace Ipbridge;

/** ipbridge could not be asked, or refused. */
final class Failure extends \RuntimeException
{
    /** @param string $problem ipbridge's stable code, or `unreachable` */
    public function __construct(string $message, public readonly string $problem, public readonly bool $heals)
    {
        parent::__construct($message);
    }
}

/** Talks to ipbridge. What must not be lost goes to the spool when it cannot be told, and is told later. */
final class Client
{
    /** @param array<string, mixed> $config as config.php returns it */
    public function __construct(private readonly array $config)
    {
    }

    /**
     * Tells ipbridge that something has happened. Repeats are harmless, since the event keeps its id.
     *
     * @param array<string, mixed> $data as ipbridge's event type wants it
     * @param int $wait seconds to wait for the outcome; 0: do not
     * @return array<string, mixed> what ipbridge says became of the event
     * @throws Failure
     */
    public function send(string $type, array $data, int $wait = 0): array
    {
        return $this->post($this->event($type, $data), $wait);
    }

    /** The same for what must arrive some day: when it cannot be told now, it is kept. @param array<string, mixed> $data */
    public function tell(string $type, array $data): void
    {
        $event = $this->event($type, $data);
        try {
            $this->post($event, 0);
        } catch (Failure $failure) {
            if (!$failure->heals) {
                throw $failure;
            }
            $this->spool($event);
        }
    }

    /** The addresses that a service has now. @return list<string> */
    public function addressesOf(string $service): array
    {
        $answer = $this->request('GET', '/api/v1/services/' . rawurlencode($service), null, 15);
        $live = array_filter($answer['addresses'] ?? [], fn(array $a): bool => $a['state'] === 'active');
        return array_values(array_map(fn(array $a): string => (string) $a['address'], $live));
    }

    /** Tells what was kept, oldest first; stops at the first that cannot be told. @return int how many are left */
    public function flush(): int
    {
        $files = glob($this->config['spool'] . '/*.json') ?: [];
        sort($files);
        foreach ($files as $n => $file) {
            $event = json_decode((string) file_get_contents($file), true);
            try {
                if (is_array($event)) {
                    $this->post($event, 0);
                }
            } catch (Failure $failure) {
                if ($failure->heals) {
                    return count($files) - $n;
                }
                // It will never be taken: it is set aside for a person, and does not stop the others.
                rename($file, $file . '.refused');
                continue;
            }
            unlink($file);
        }
        return 0;
    }

    /** @param array<string, mixed> $data @return array<string, mixed> */
    private function event(string $type, array $data): array
    {
        return [
            'specversion' => '1.0',
            'id' => bin2hex(random_bytes(16)),
            'source' => $this->config['source'],
            'type' => $type,
            'time' => (new \DateTimeImmutable('now', new \DateTimeZone('UTC')))->format('Y-m-d\TH:i:s.v\Z'),
            'data' => $data,
        ];
    }

    /** @param array<string, mixed> $event @return array<string, mixed> */
    private function post(array $event, int $wait): array
    {
        $query = $wait > 0 ? "?wait=$wait" : '';
        try {
            $answer = $this->request('POST', "/api/v1/events$query", $event, $wait + 15);
        } catch (Failure $failure) {
            if ($failure->problem !== 'unreachable') {
                throw $failure;
            }
            // The answer may have been lost, rather than the question.
            $answer = $this->request('POST', "/api/v1/events$query", $event, $wait + 15);
        }
        return $answer['events'][0] ?? [];
    }

    /** @param array<string, mixed>|null $body @return array<string, mixed> */
    private function request(string $method, string $path, ?array $body, int $seconds): array
    {
        $call = curl_init(rtrim($this->config['url'], '/') . $path);
        curl_setopt_array($call, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_CONNECTTIMEOUT => 5,
            CURLOPT_TIMEOUT => $seconds,
            CURLOPT_HTTPHEADER => [
                'Authorization: Bearer ' . $this->config['token'],
                'Content-Type: application/json',
                'Accept: application/json',
            ],
        ]);
        if ($body !== null) {
            curl_setopt($call, CURLOPT_POSTFIELDS, json_encode($body, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR));
        }
        $text = curl_exec($call);
        $status = curl_getinfo($call, CURLINFO_RESPONSE_CODE);
        $error = curl_error($call);
        if (!is_string($text)) {
            throw new Failure("ipbridge cannot be reached: $error", 'unreachable', true);
        }
        $answer = json_decode($text, true);
        if ($status >= 200 && $status < 300 && is_array($answer)) {
            return $answer;
        }
        $detail = is_array($answer) && isset($answer['detail']) ? (string) $answer['detail'] : "it answered $status";
        $code = is_array($answer) && isset($answer['code']) ? (string) $answer['code'] : 'unreachable';
        // What is wrong with the token, or on the way, is mended some day; what is wrong with the event is not.
        $isFinal = $code !== 'unreachable' && in_array($status, [400, 404, 409, 413, 422], true);
        throw new Failure("ipbridge: $detail", $code, !$isFinal);
    }

    /** @param array<string, mixed> $event */
    private function spool(array $event): void
    {
        $folder = $this->config['spool'];
        if (!is_dir($folder) && !mkdir($folder, 0700, true) && !is_dir($folder)) {
            throw new Failure("$folder cannot be made, so the event {$event['type']} would be lost", 'spool', false);
        }
        $file = sprintf('%s/%020d-%s.json', $folder, (int) (microtime(true) * 1e6), $event['id']);
        $text = json_encode($event, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
        // Written beside its place and moved there whole: a reader never sees half of one.
        if (file_put_contents("$file.new", $text) === false || !rename("$file.new", $file)) {
            throw new Failure("$file cannot be written, so the event {$event['type']} would be lost", 'spool', false);
        }
    }
}
