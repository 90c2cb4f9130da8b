package launcher;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.searchparam.matcher.AuthorizationSearchParamMatcher;
import ca.uhn.fhir.jpa.searchparam.matcher.SearchParamMatcher;
import ca.uhn.fhir.rest.api.server.SystemRequestDetails;
import ca.uhn.fhir.rest.server.HardcodedServerAddressStrategy;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.consent.ConsentInterceptor;
import ca.uhn.fhir.rest.server.interceptor.consent.RuleFilteringConsentService;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * HAPI FHIR's JPA server on loopback, over mutual TLS, with a database in memory.
 *
 * <p>From the environment: LAZARET_CERT, LAZARET_KEY (PKCS #8) and LAZARET_CLIENT_CA, files of PEM; without the first it
 * speaks plain HTTP. LAZARET_NDJSON, the resources to begin with, one a line. LAZARET_RULES, a file for {@link Rules};
 * without it everybody is served. Prints one line of JSON once it listens, and ends when its standard input does.
 */
public final class Launcher {
    public static void main(String[] none) throws Exception {
        var spring = new AnnotationConfigApplicationContext(Beans.class);
        var fhir = new RestfulServer(spring.getBean(FhirContext.class));
        fhir.registerProviders(spring.getBean(ResourceProviderFactory.class).createProviders());
        fhir.registerProvider(spring.getBean(JpaSystemProvider.class));
        fhir.setPagingProvider(spring.getBean(DatabaseBackedPagingProvider.class));
        var server = new Server();
        var connector = connector(server);
        connector.open();
        if (System.getenv("LAZARET_RULES") != null) {
            guard(fhir, spring, Path.of(System.getenv("LAZARET_RULES")));
            fhir.setServerAddressStrategy(new HardcodedServerAddressStrategy("http://127.0.0.1:" + connector.getLocalPort() + "/fhir"));
        }
        var refused = fill(spring, Path.of(System.getenv("LAZARET_NDJSON")));

        var context = new ServletContextHandler("/");
        context.addServlet(new ServletHolder(fhir), "/fhir/*");
        server.addConnector(connector);
        server.setHandler(context);
        server.start();
        System.out.println("{\"port\":" + connector.getLocalPort() + ",\"refused\":[" + String.join(",", refused) + "]}");
        while (System.in.read() >= 0) {
            // Whoever started it holds the other end.
        }
        System.exit(0);
    }

    /** As HAPI's documentation puts them together: rules, narrowed searches, and matches filtered by the same rules. */
    private static void guard(RestfulServer fhir, ApplicationContext spring, Path file) throws Exception {
        var rules = new Rules(file);
        rules.setAuthorizationSearchParamMatcher(new AuthorizationSearchParamMatcher(spring.getBean(SearchParamMatcher.class)));
        fhir.registerInterceptor(rules.narrowing());
        fhir.registerInterceptor(rules);
        fhir.registerInterceptor(new ConsentInterceptor(new RuleFilteringConsentService(rules)));
    }

    /** Stores each resource under its own id. Some traps are no resource that HAPI takes: their ids, in quotes, are returned. */
    private static List<String> fill(ApplicationContext spring, Path lines) throws Exception {
        var parser = spring.getBean(FhirContext.class).newJsonParser();
        var daos = spring.getBean(DaoRegistry.class);
        var refused = new ArrayList<String>();
        for (var line : Files.readAllLines(lines)) {
            var resource = parser.parseResource(line);
            try {
                store(daos, resource);
            } catch (RuntimeException error) {
                refused.add("\"" + resource.getIdElement().getIdPart() + "\"");
            }
        }
        return refused;
    }

    @SuppressWarnings("unchecked")
    private static <T extends IBaseResource> void store(DaoRegistry daos, T resource) {
        daos.getResourceDao((Class<T>) resource.getClass()).update(resource, new SystemRequestDetails());
    }

    private static ServerConnector connector(Server server) throws Exception {
        var connector = System.getenv("LAZARET_CERT") == null ? new ServerConnector(server) : secure(server);
        connector.setHost("127.0.0.1");
        connector.setPort(0);
        return connector;
    }

    private static ServerConnector secure(Server server) throws Exception {
        var tls = new SslContextFactory.Server();
        tls.setKeyStore(own(Path.of(System.getenv("LAZARET_CERT")), Path.of(System.getenv("LAZARET_KEY"))));
        tls.setKeyStorePassword("");
        tls.setTrustStore(trusted(Path.of(System.getenv("LAZARET_CLIENT_CA"))));
        tls.setNeedClientAuth(true);
        tls.setSniRequired(false);
        var http = new HttpConfiguration();
        http.addCustomizer(new SecureRequestCustomizer(false));
        return new ServerConnector(server, new SslConnectionFactory(tls, "http/1.1"), new HttpConnectionFactory(http));
    }

    private static KeyStore own(Path chain, Path key) throws Exception {
        var text = Files.readString(key).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
        PrivateKey secret = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text)));
        var store = empty();
        store.setKeyEntry("own", secret, new char[0], certificates(chain).toArray(Certificate[]::new));
        return store;
    }

    private static KeyStore trusted(Path bundle) throws Exception {
        var store = empty();
        for (var certificate : certificates(bundle)) {
            store.setCertificateEntry("anchor-" + store.size(), certificate);
        }
        return store;
    }

    private static Collection<? extends Certificate> certificates(Path file) throws Exception {
        return CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(Files.readAllBytes(file)));
    }

    private static KeyStore empty() throws Exception {
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, new char[0]);
        return store;
    }
}
