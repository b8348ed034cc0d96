// Parses every line of the NDJSON files named, with HAPI FHIR's R4 parser told to forgive nothing; says "ok N" or the first complaint.
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.parser.StrictErrorHandler;
import java.nio.file.Files;
import java.nio.file.Path;

class StrictParser {
    public static void main(String[] names) throws Exception {
        IParser parser = FhirContext.forR4().newJsonParser();
        parser.setParserErrorHandler(new StrictErrorHandler());
        int read = 0;
        for (String name : names) {
            for (String line : Files.readAllLines(Path.of(name))) {
                parser.parseResource(line);
                read++;
            }
        }
        System.out.println("ok " + read);
    }
}
