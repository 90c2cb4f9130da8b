package launcher;

import ca.uhn.fhir.rest.api.RestOperationTypeEnum;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.server.exceptions.AuthenticationException;
import ca.uhn.fhir.rest.server.interceptor.auth.AuthorizationInterceptor;
import ca.uhn.fhir.rest.server.interceptor.auth.AuthorizedList;
import ca.uhn.fhir.rest.server.interceptor.auth.IAuthRule;
import ca.uhn.fhir.rest.server.interceptor.auth.IAuthRuleBuilder;
import ca.uhn.fhir.rest.server.interceptor.auth.IAuthRuleFinished;
import ca.uhn.fhir.rest.server.interceptor.auth.IAuthRuleTester;
import ca.uhn.fhir.rest.server.interceptor.auth.RuleBuilder;
import ca.uhn.fhir.rest.server.interceptor.auth.SearchNarrowingInterceptor;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.hl7.fhir.r4.model.IdType;

/**
 * HAPI's own authorization, by rules that a file maps bearer tokens to. HAPI has no verification of tokens: whoever uses
 * it brings that along, and a token here is a plain word.
 *
 * <p>The file: {@code {"<token>": [{"types": [..], "patients": [..], "filter": "..", "only": "read"}]}}. Without
 * {@code patients} a grant is for all of them, without {@code only} for reading and searching.
 */
final class Rules extends AuthorizationInterceptor {
    record Grant(List<String> types, List<String> patients, String filter, String only) {}

    private static final Set<RestOperationTypeEnum> READS = Set.of(RestOperationTypeEnum.READ, RestOperationTypeEnum.VREAD);
    private static final Set<RestOperationTypeEnum> SEARCHES =
            Set.of(RestOperationTypeEnum.SEARCH_TYPE, RestOperationTypeEnum.GET_PAGE);

    private final Map<String, List<Grant>> grants;

    Rules(Path file) throws IOException {
        grants = new ObjectMapper().readValue(file.toFile(), new TypeReference<>() {});
    }

    @Override
    public List<IAuthRule> buildRuleList(RequestDetails request) {
        var rules = new RuleBuilder();
        if (request.getRestOperationType() == RestOperationTypeEnum.METADATA) {
            return rules.allow().metadata().build();
        }
        for (var grant : grantsOf(request)) {
            for (var type : grant.types()) {
                allow(rules, type, grant);
            }
        }
        return rules.denyAll().build();
    }

    private static void allow(IAuthRuleBuilder rules, String type, Grant grant) {
        if (grant.patients() == null) {
            var read = rules.allow().read().resourcesOfType(type);
            limit(grant.filter() == null ? read.withAnyId() : read.withFilter(grant.filter()), grant);
            return;
        }
        for (var patient : grant.patients()) {
            var id = new IdType("Patient", patient);
            var read = rules.allow().read().resourcesOfType(type);
            limit(grant.filter() == null ? read.inCompartment("Patient", id) : read.inCompartmentWithFilter("Patient", id, grant.filter()), grant);
        }
    }

    private static void limit(IAuthRuleFinished rule, Grant grant) {
        if (grant.only() == null) {
            return;
        }
        var operations = grant.only().equals("read") ? READS : SEARCHES;
        rule.withTester(new IAuthRuleTester() {
            @Override
            public boolean matches(RuleTestRequest test) {
                return operations.contains(test.operation);
            }

            @Override
            public boolean matchesOutput(RuleTestRequest test) {
                return operations.contains(test.operation);
            }
        });
    }

    private List<Grant> grantsOf(RequestDetails request) {
        var header = request.getHeader("Authorization");
        var token = header != null && header.startsWith("Bearer ") ? grants.get(header.substring("Bearer ".length())) : null;
        if (token == null) {
            throw new AuthenticationException("no token that is known here");
        }
        return token;
    }

    /** The same grants as conditions on a search, so that it is not refused for what it might have found. */
    SearchNarrowingInterceptor narrowing() {
        return new SearchNarrowingInterceptor() {
            @Override
            protected AuthorizedList buildAuthorizedList(RequestDetails request) {
                if (request.getRestOperationType() == RestOperationTypeEnum.METADATA) {
                    return null;
                }
                var list = new AuthorizedList();
                for (var grant : grantsOf(request)) {
                    if (grant.patients() != null) {
                        grant.patients().forEach(patient -> list.addCompartment("Patient/" + patient));
                    }
                }
                return list;
            }
        };
    }
}
