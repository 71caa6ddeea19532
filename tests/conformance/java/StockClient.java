import io.socket.client.IO;
import io.socket.client.Manager;
import io.socket.client.Socket;
import io.socket.engineio.client.Transport;
import io.socket.engineio.parser.Packet;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.json.JSONObject;

/**
 * The stock Socket.IO client for Java against a relay: connect, receive, resume, refused.
 *
 * <p>{@code StockClient URL websocket|polling}, with the relay's secret in {@code RELAY_SECRET}; the relay must mint tokens
 * ({@code mint_tokens}). Ends with 0 when all of it held; says what did not otherwise.
 */
public final class StockClient {
  /** How long each single thing may take. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final HttpClient HTTP = HttpClient.newBuilder().connectTimeout(PATIENCE).build();

  private final String url;
  private final String secret;
  private final boolean polls;
  private final String session = "java-" + UUID.randomUUID();
  private int published;
  private int received;

  /** What a client heard: its name and its data, in order. */
  private record Heard(String name, Object data) {}

  private StockClient(String url, String secret, boolean polls) {
    this.url = url;
    this.secret = secret;
    this.polls = polls;
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 2 || !List.of("websocket", "polling").contains(arguments[1])) {
      throw new IllegalArgumentException("usage: StockClient URL websocket|polling");
    }
    // The client's threads are no daemons: they would outlive whatever is thrown here.
    try {
      new StockClient(arguments[0], System.getenv("RELAY_SECRET"), arguments[1].equals("polling")).run();
      System.exit(0);
    } catch (Throwable wrong) {
      wrong.printStackTrace();
      System.exit(1);
    }
  }

  private void run() throws Exception {
    Map<String, String> auth = new HashMap<>();
    auth.put("token", token());
    Client client = new Client(auth);
    client.socket.connect();
    client.expect("connect");
    JSONObject ready = (JSONObject) client.expect("relay:ready");
    check(ready.getString("sessionId").equals(session), "ready is for another session: " + ready);
    check(!ready.getBoolean("recovered"), "recovered without a cursor: " + ready);
    System.out.println("connect: ok");

    // While it may be changing its transport, until it has, and then.
    publish(20);
    client.expectEvents(20);
    Instant end = Instant.now().plus(PATIENCE);
    while (client.byWebSocket.get() == 0) {
      check(Instant.now().isBefore(end), "nothing comes over WebSocket");
      publish(1);
      client.expectEvents(1);
    }
    publish(20);
    String cursor = client.expectEvents(20);
    List<String> transports = polls ? List.of("polling", "websocket") : List.of("websocket");
    check(client.transports.equals(transports), "other transports: " + client.transports);
    System.out.println("receive: ok");

    client.socket.disconnect();
    client.expect("disconnect");
    publish(5);
    auth.put("cursor", cursor);
    auth.put("token", token());
    client.socket.connect();
    client.expect("connect");
    ready = (JSONObject) client.expect("relay:ready");
    check(ready.getBoolean("recovered") && ready.getInt("replayed") == 5, "not resumed: " + ready);
    client.expectEvents(5);
    publish(1);
    client.expectEvents(1);
    client.close();
    System.out.println("resume: ok");

    Client refused = new Client(Map.of("token", "no token"));
    refused.socket.connect();
    JSONObject error = (JSONObject) refused.expect("connect_error");
    check(error.getString("message").equals("token_invalid"), "another code: " + error);
    JSONObject data = error.getJSONObject("data");
    check(!data.getBoolean("retryable") && !data.getString("detail").isEmpty(), "not said why: " + error);
    refused.close();
    System.out.println("refused: ok");
  }

  /** One client, as an application has it. */
  private final class Client {
    final Socket socket;
    /** Far more than is ever published. */
    private final BlockingQueue<Heard> heard = new ArrayBlockingQueue<>(1000);
    final List<String> transports = new CopyOnWriteArrayList<>();
    /** Engine.IO messages that came over WebSocket. */
    final AtomicInteger byWebSocket = new AtomicInteger();

    Client(Map<String, String> auth) {
      IO.Options options = new IO.Options();
      options.forceNew = true;
      options.reconnection = false;
      options.auth = auth;
      // The default is polling first, then the upgrade.
      if (!polls) {
        options.transports = new String[] {"websocket"};
      }
      socket = IO.socket(URI.create(url), options);
      socket.io().on(Manager.EVENT_TRANSPORT, arguments -> watch((Transport) arguments[0]));
      for (String name : List.of("connect", "disconnect", "connect_error", "relay:ready", "relay:resync", "event", "relay:bye")) {
        socket.on(name, arguments -> heard.add(new Heard(name, arguments.length > 0 ? arguments[0] : "")));
      }
    }

    private void watch(Transport transport) {
      transports.add(transport.name);
      transport.on(Transport.EVENT_PACKET, arguments -> {
        if (transport.name.equals("websocket") && Packet.MESSAGE.equals(((Packet<?>) arguments[0]).type)) {
          byWebSocket.incrementAndGet();
        }
      });
    }

    /** The next thing that it hears must be this. */
    Object expect(String name) throws InterruptedException {
      Heard next = heard.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
      check(next != null, "waited too long for " + name);
      check(next.name().equals(name), "heard " + next + " instead of " + name);
      return next.data();
    }

    /** Exactly the next events, in order; the last one's cursor. */
    String expectEvents(int count) throws Exception {
      String cursor = "";
      for (int index = 0; index < count; index++) {
        JSONObject event = (JSONObject) expect("event");
        received++;
        check(event.getJSONObject("payload").getInt("n") == received, received + " is next, not " + event);
        check(event.getInt("seq") == received, "another seq: " + event);
        cursor = event.getString("cursor");
      }
      return cursor;
    }

    void close() {
      socket.disconnect();
      socket.off();
      socket.io().off();
    }
  }

  private void publish(int count) throws Exception {
    for (int index = 0; index < count; index++) {
      JSONObject event = new JSONObject();
      event.put("sessionId", session);
      event.put("event", "test.happened");
      event.put("payload", new JSONObject(Map.of("n", ++published)));
      event.put("nonce", UUID.randomUUID().toString());
      event.put("timestamp", Instant.now().toString());
      post("/events", event, 202);
    }
  }

  private String token() throws Exception {
    JSONObject wanted = new JSONObject(Map.of("accountId", "java", "sessionId", session));
    return post("/tokens", wanted, 200).getString("token");
  }

  private JSONObject post(String path, JSONObject body, int status) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
        .timeout(PATIENCE)
        .header("authorization", "Bearer " + secret)
        .header("content-type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body.toString()))
        .build();
    HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
    check(answer.statusCode() == status, path + " answered " + answer.statusCode() + ": " + answer.body());
    return new JSONObject(answer.body());
  }

  private static void check(boolean holds, String otherwise) {
    if (!holds) {
      System.out.println("✗ " + otherwise);
      System.exit(1);
    }
  }
}
