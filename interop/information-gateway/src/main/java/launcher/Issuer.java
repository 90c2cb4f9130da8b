package launcher;

import com.auth0.jwt.JWT;
import com.auth0.jwt.algorithms.Algorithm;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.reflect.TypeToken;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.interfaces.RSAPrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.time.Instant;
import java.util.Base64;
import java.util.Map;

/**
 * An issuer of access tokens as the gateway expects one: it publishes an RSA key at its own address, as Keycloak does.
 *
 * <p>LAZARET_CLAIMS is a file of claims by token name; {@code exp} is in seconds from now. Prints one line of JSON with its
 * address and the tokens, and ends when its standard input does.
 */
public final class Issuer {
    public static void main(String[] none) throws Exception {
        var generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        var pair = generator.generateKeyPair();
        var http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        var issuer = "http://127.0.0.1:" + http.getAddress().getPort() + "/realm";

        var about = new JsonObject();
        about.addProperty("issuer", issuer);
        about.addProperty("public_key", Base64.getEncoder().encodeToString(pair.getPublic().getEncoded()));
        var page = about.toString().getBytes(StandardCharsets.UTF_8);
        http.createContext("/realm", exchange -> {
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, page.length);
            exchange.getResponseBody().write(page);
            exchange.close();
        });
        http.start();

        var algorithm = Algorithm.RSA256((RSAPublicKey) pair.getPublic(), (RSAPrivateKey) pair.getPrivate());
        var claims = JsonParser.parseString(Files.readString(Path.of(System.getenv("LAZARET_CLAIMS")))).getAsJsonObject();
        var tokens = new JsonObject();
        for (var name : claims.keySet()) {
            var own = claims.getAsJsonObject(name);
            var lives = own.remove("exp").getAsLong();
            Map<String, Object> payload = new Gson().fromJson(own, new TypeToken<>() {});
            var token = JWT.create().withPayload(payload).withIssuer(issuer).withExpiresAt(Instant.now().plusSeconds(lives));
            tokens.addProperty(name, token.sign(algorithm));
        }
        var line = new JsonObject();
        line.addProperty("issuer", issuer);
        line.add("tokens", tokens);
        System.out.println(line);
        while (System.in.read() >= 0) {
            // Whoever started it holds the other end.
        }
        System.exit(0);
    }
}
