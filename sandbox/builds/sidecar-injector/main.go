// The sandbox's sidecar injector: Istio 1.0's webhook, for the chart of that release.
//
// The program of that time can't be built today. This one answers the same webhook from the same
// ConfigMaps: it renders the injection template that the chart brings, with the mesh's settings.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"log"
	"math/big"
	"net/http"
	"os"
	"time"

	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func main() {
	listen := flag.String("listen", "", "address and port")
	name := flag.String("name", "", "DNS name by which the API server calls: SERVICE.NAMESPACE.svc")
	injectConfig := flag.String("inject-config", "", "file of the policy and the template")
	meshConfig := flag.String("mesh-config", "", "file of the mesh's settings")
	caFile := flag.String("ca-file", "", "file to write the certificate to that clients are to trust")
	flag.Parse()

	certificate, err := selfSigned(*name)
	if err != nil {
		log.Fatal(err)
	}
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := os.WriteFile(*caFile, trusted, 0o600); err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /inject", func(w http.ResponseWriter, r *http.Request) {
		// Read at each call: what is in the files follows the ConfigMaps.
		injector, err := load(*injectConfig, *meshConfig)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		serve(injector, w, r)
	})
	server := http.Server{
		Addr:              *listen,
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}},
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

// selfSigned makes a certificate for this run, which is its own authority.
func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func serve(injector *injector, w http.ResponseWriter, r *http.Request) {
	var review admissionv1beta1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "an AdmissionReview with a request is expected", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1beta1.AdmissionResponse{UID: review.Request.UID}
	patch, err := injector.patch(review.Request.Object.Raw, review.Request.Namespace)
	if err != nil {
		review.Response.Result = &metav1.Status{Message: err.Error()}
	} else {
		review.Response.Allowed = true
	}
	if patch != nil {
		review.Response.Patch = patch
		review.Response.PatchType = new(admissionv1beta1.PatchTypeJSONPatch)
	}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		log.Print(err)
	}
}
