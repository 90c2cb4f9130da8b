package launcher;

import com.google.fhir.gateway.FhirProxyServer;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * FHIR Information Gateway on loopback over plain HTTP, with the access checkers that come with it.
 *
 * <p>It reads its own settings from the environment: PROXY_TO, BACKEND_TYPE, TOKEN_ISSUER, ACCESS_CHECKER,
 * ALLOWED_QUERIES_FILE. Its log goes to standard error. Prints one line of JSON once it listens, and ends when its standard
 * input does.
 */
public final class Gateway {
    public static void main(String[] none) throws Exception {
        var out = System.out;
        System.setOut(System.err);
        var spring = new AnnotationConfigApplicationContext("com.google.fhir.gateway.plugin");
        var gateway = new FhirProxyServer();
        spring.getAutowireCapableBeanFactory().autowireBean(gateway);

        var context = new ServletContextHandler("/");
        var holder = new ServletHolder(gateway);
        holder.setInitOrder(1);
        context.addServlet(holder, "/fhir/*");
        var server = new Server();
        var connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        connector.setPort(0);
        server.addConnector(connector);
        server.setHandler(context);
        server.start();
        out.println("{\"port\":" + connector.getLocalPort() + "}");
        while (System.in.read() >= 0) {
            // Whoever started it holds the other end.
        }
        System.exit(0);
    }
}
