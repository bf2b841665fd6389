/* A whole device in C11 and OpenSSL, a meter with a relay: cc -Wall -Wextra device.c -o device -lssl -lcrypto
 *     ./device BUNDLE.json [READINGS [MILLISECONDS]]          (ends once so many READINGS are durable at the server)
 * What is not durable it keeps and sends again; a lease ends in its fallback by the monotonic clock, whatever became of the
 * server. All its memory is in these variables. Rules (P38) are those of docs/protocol.md. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND INT64_C(1000000) /* all times are in microseconds */
#define KEPT 1024               /* readings that are not durable yet; beyond that the oldest is dropped, and counted */
#define REMEMBERED 1024         /* commands whose answers are remembered (P27) */
static struct { int64_t time; double power, relay; } kept[KEPT];                       /* by number, modulo KEPT */
static int64_t oldest = 1, next = 1, unsent = 1, dropped, wanted = INT64_MAX, every = SECOND, due;
static struct { char id[65], rest[64]; } answers[REMEMBERED];
static int64_t answered, lease_ends = INT64_MAX; /* by the monotonic clock, as `heard` */
static int64_t ahead, heard, back_off, stay_away; /* how far the server's clock is ahead of it; pauses before we come back */
static double relay, fallback;
static char bundle[32768], ca[16384], server[256], credential[256], *port, in[8192], out[32768];
static size_t in_length, out_length; /* what is not a whole line yet; what is not written yet */
static uint64_t boot, welcome;       /* the numbering; whether the session is open */

static int64_t now_by(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec / 1000;
}

/* A top-level field of a JSON object as text: a string without its quotes and escapes, anything else as it stands. */
static int field(const char *json, const char *name, char *text, size_t size) {
    static const char escapes[] = "n\nr\rt\tb\bf\f"; /* \u is of no use here: it becomes 'u' */
    char key[32] = "", quoted = 0;
    size_t length = 0;
    int depth = 0, value = 0, fits = 1; /* in the name, or in its value */
    const char *at = strchr(json, '{');
    while (at && *++at) {
        char c = *at, *to = value ? text : key;
        if (quoted && c == '\\') {
            if (!*++at) return 0;
            const char *escape = strchr(escapes, *at);
            c = escape && (escape - escapes) % 2 == 0 ? escape[1] : *at;
        } else if (c == '"') {
            quoted = !quoted;
            continue;
        } else if (!quoted) {
            if (strchr(" \t\r\n", c)) continue;
            if (!depth && (c == (value ? ',' : ':') || c == '}')) {
                to[length] = 0;
                if (value && !strcmp(key, name)) return fits;
                if (c == '}') return 0;
                value = !value, length = 0, fits = 1;
                continue;
            }
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        }
        if (length + 1 < (value ? size : sizeof key)) to[length++] = c; else fits = 0;
    }
    return 0;
}

/* A number; instants and numbers of messages are below 2^53, so that it holds them exactly. */
static int number(const char *json, const char *name, double *value) {
    char text[64], *end = text;
    if (field(json, name, text, sizeof text)) *value = strtod(text, &end);
    return end != text && !*end && fabs(*value) <= 9007199254740992.0;
}

/* Appends a line to what is to be written; 0 where it has no room. */
static int say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = (size_t)vsnprintf(out + out_length, sizeof out - out_length, format, arguments);
    va_end(arguments);
    int fits = length < sizeof out - out_length;
    out_length += fits ? length : 0;
    return fits;
}

static void set_relay(double value, const char *why) {
    relay = value; /* a real device drives its output here, and reads it back */
    printf("relay %g: %s\n", relay, why), fflush(stdout);
}

/* What is due by the clock, whether or not there is a server: the end of a lease (P29), and the next reading. */
static void live(void) {
    int64_t now = now_by(CLOCK_MONOTONIC);
    if (now >= lease_ends) {
        lease_ends = INT64_MAX;
        set_relay(fallback, "the lease has ended");
        if (welcome) say("{\"type\":\"event\",\"code\":\"lease_ended\"}\n");
    }
    if (now < due || next > wanted) return;
    due = now + every;
    if (next - oldest == KEPT) unsent += unsent == oldest++, printf("%lld readings were dropped\n", (long long)++dropped);
    kept[next % KEPT].time = now_by(CLOCK_REALTIME);
    kept[next % KEPT].power = 1000 + (double)next / 7;
    kept[next++ % KEPT].relay = relay;
}

/* Decides about a command and carries it out; writes what the result says after the id. */
static void carry_out(const char *line, char *rest, size_t size) {
    char channel[129];
    double value = 0, after = 0, expires = 0, lease = 0;
    int64_t now = now_by(CLOCK_MONOTONIC);
    const char *code = NULL;
    number(line, "lease_us", &lease);
    if (!field(line, "channel", channel, sizeof channel) || strcmp(channel, "relay")) code = "not_writable";
    else if (!number(line, "expires_us", &expires) || expires <= now + ahead) code = "expired"; /* P28 */
    else if ((lease > 0) != number(line, "fallback", &after)) code = "bad_message";
    else if (!number(line, "value", &value) || (value != 0 && value != 1) || (after != 0 && after != 1)) code = "out_of_range";
    if (code && snprintf(rest, size, "\"state\":\"refused\",\"code\":\"%s\"", code)) return;
    set_relay(value, "a command");
    fallback = after, lease_ends = lease > 0 ? now + (int64_t)lease : INT64_MAX;
    snprintf(rest, size, "\"state\":\"done\",\"value\":%g", relay);
}

/* One id has one effect, and one answer however often it comes (P27). */
static int command(const char *line) {
    char id[65];
    if (!field(line, "id", id, sizeof id) || !*id) return 1;
    if (strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(id)) return 1;
    int64_t at = answered > REMEMBERED ? answered - REMEMBERED : 0;
    while (at < answered && strcmp(answers[at % REMEMBERED].id, id)) at++;
    if (at == answered) {
        carry_out(line, answers[at % REMEMBERED].rest, sizeof answers[0].rest);
        memcpy(answers[answered++ % REMEMBERED].id, id, sizeof id);
    }
    return say("{\"type\":\"result\",\"id\":\"%s\",%s}\n", id, answers[at % REMEMBERED].rest);
}

/* Heeds a message of the server; 0 where the session is over. */
static int heed(const char *line) {
    char type[16] = "", code[32] = "";
    double time = 0, seq = 0;
    field(line, "type", type, sizeof type);
    int opens = !strcmp(type, "welcome") && number(line, "time_us", &time) && number(line, "durable", &seq);
    if (opens) welcome = 1, back_off = 0, ahead = (int64_t)time - now_by(CLOCK_MONOTONIC);
    if (opens || (!strcmp(type, "ack") && number(line, "seq", &seq))) {
        if (seq >= oldest) oldest = seq < next ? (int64_t)seq + 1 : next;
        if (opens || unsent < oldest) unsent = oldest; /* what is not durable is sent again, under its number (P25) */
    }
    if (!strcmp(type, "command") && welcome) return command(line);
    if (!strcmp(type, "ping")) return say("{\"type\":\"pong\"}\n");
    if (strcmp(type, "reject") && strcmp(type, "bye")) return 1;
    fprintf(stderr, "%s\n", line);
    if (*type == 'r') return 1;
    field(line, "code", code, sizeof code);
    if (number(line, "retry_after_us", &time) && time > 0 && time <= 3600.0 * SECOND) stay_away = (int64_t)time;
    else if (strcmp(code, "shutdown") && strcmp(code, "idle")) stay_away = 60 * SECOND; /* P38 */
    return 0;
}

/* Takes whole lines out of what was read; 0 where the session is over, or a line is longer than any that memcore sends. */
static int heed_lines(void) {
    char *line = in, *end;
    for (; (end = memchr(line, '\n', in_length - (size_t)(line - in))); line = end + 1) {
        *end = 0;
        if (!heed(line)) return 0;
    }
    memmove(in, line, in_length -= (size_t)(line - in));
    return in_length < sizeof in;
}

/* Lives for a moment, or until the connection has something to do. */
static void wait_for(BIO *link, short events) {
    struct pollfd one = {link ? (int)BIO_get_fd(link, NULL) : -1, events, 0};
    poll(&one, 1, 10), live();
}

static void session(BIO *link) {
    int64_t asked = 0, late = now_by(CLOCK_MONOTONIC) + 10 * SECOND;
    for (ERR_clear_error(); BIO_do_handshake(link) != 1; wait_for(link, BIO_should_write(link) ? POLLOUT : POLLIN))
        if (!BIO_should_retry(link) || now_by(CLOCK_MONOTONIC) > late) return;
    in_length = out_length = 0, heard = now_by(CLOCK_MONOTONIC);
    say("{\"type\":\"hello\",\"version\":1,\"credential\":\"%s\",\"boot\":%llu,\"channels\":["
        "{\"name\":\"power\",\"quantity\":\"power\",\"unit\":\"W\"},{\"name\":\"relay\",\"quantity\":\"switch\","
        "\"unit\":\"on/off\",\"kind\":\"state\",\"range\":[0,1],\"writable\":true}]}\n", credential, (unsigned long long)boot);
    while (oldest <= wanted) {
        int64_t now = now_by(CLOCK_MONOTONIC);
        if (now - heard > 90 * SECOND) return; /* P32 */
        if (now - heard > 30 * SECOND && now - asked > 30 * SECOND && say("{\"type\":\"ping\"}\n")) asked = now;
        for (; welcome && unsent < next && out_length < sizeof out / 2; unsent++)
            say("{\"type\":\"data\",\"seq\":%lld,\"time_us\":%lld,\"values\":{\"power\":%.17g,\"relay\":%g}}\n", (long long)unsent,
                (long long)kept[unsent % KEPT].time, kept[unsent % KEPT].power, kept[unsent % KEPT].relay);
        int written = out_length ? BIO_write(link, out, (int)out_length) : 0;
        if (out_length && written <= 0 && !BIO_should_retry(link)) return;
        if (written > 0) memmove(out, out + written, out_length -= (size_t)written);
        int length = BIO_read(link, in + in_length, (int)(sizeof in - in_length));
        if (length <= 0 && !BIO_should_retry(link)) return;
        if (length > 0) in_length += (size_t)length, heard = now;
        if (length > 0 && !heed_lines()) return;
        if (length > 0 || written > 0) live(); else wait_for(link, POLLIN | (out_length ? POLLOUT : 0));
    }
    BIO_write(link, "{\"type\":\"bye\"}\n", 15);
}

/* One connection to one of the server's addresses. Its name is looked up, which may take its time, only while nothing is leased. */
static void visit(SSL_CTX *context) {
    static BIO_ADDRINFO *found;
    static const BIO_ADDRINFO *address;
    SSL *ssl = NULL;
    if (lease_ends == INT64_MAX && !address) {
        BIO_ADDRINFO_free(found);
        if (!BIO_lookup(server, port, BIO_LOOKUP_CLIENT, 0, 1 /* a stream */, &found)) found = NULL;
    }
    BIO *link = (address = address ? address : found) ? BIO_new_ssl_connect(context) : NULL;
    if (link && BIO_get_ssl(link, &ssl) && BIO_set_conn_address(link, BIO_ADDRINFO_address(address)) > 0 &&
        (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server) || /* else it is a name (P2) */
         (SSL_set1_host(ssl, server) && SSL_set_tlsext_host_name(ssl, server)))) {
        SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        BIO_set_nbio(link, 1);
        session(link);
    }
    if (!welcome && address) address = BIO_ADDRINFO_next(address);
    welcome = 0, BIO_free_all(link);
}

int main(int count, char **arguments) {
    FILE *file = count > 1 ? fopen(arguments[1], "r") : NULL;
    bundle[file ? fread(bundle, 1, sizeof bundle - 1, file) : 0] = 0;
    if (!field(bundle, "ca_pem", ca, sizeof ca) || !field(bundle, "server", server, sizeof server) ||
        !field(bundle, "credential", credential, sizeof credential) || !(port = strrchr(server, ':')))
        return fprintf(stderr, "usage: device BUNDLE.json [READINGS [MILLISECONDS]]; the bundle has a credential\n"), 2;
    *port++ = 0, signal(SIGPIPE, SIG_IGN);
    if (count > 2) wanted = atoll(arguments[2]);
    if (count > 3) every = atoll(arguments[3]) * 1000;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    X509 *authority = PEM_read_bio_X509(BIO_new_mem_buf(ca, -1), NULL, NULL, NULL);
    if (!authority || !X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) || RAND_bytes((void *)&boot, 8) != 1)
        return fprintf(stderr, "ca_pem of the bundle is no certificate\n"), 2;
    boot >>= 11; /* below 2^53, and never the one before: a new numbering at each start (P21) */
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL); /* by that CA alone (P2) */
    for (uint16_t chance; visit(context), oldest <= wanted;) {
        back_off = !back_off ? SECOND / 10 : back_off > 15 * SECOND ? 30 * SECOND : back_off * 2;
        RAND_bytes((void *)&chance, sizeof chance);
        int64_t until = now_by(CLOCK_MONOTONIC) + (stay_away ? stay_away : back_off) * (chance + 32768) / 65536;
        for (stay_away = 0; now_by(CLOCK_MONOTONIC) < until;) wait_for(NULL, 0);
    }
    if (lease_ends != INT64_MAX) set_relay(fallback, "the device ends"); /* P29 */
    return 0;
}
