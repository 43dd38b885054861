package main

// texts.go: what the records are made of. Awkward texts stand among the plain
// ones about as often as they do in real registrations.

import "fmt"

// text is a JSON string in the two ways in which platforms write it.
type text struct {
	utf8  string // only what has to be is escaped
	ascii string // as PHP does it: \u00e9 and \/
}

func (t text) as(ascii bool) string {
	if ascii {
		return t.ascii
	}
	return t.utf8
}

func texts(all ...string) []text {
	out := make([]text, len(all))
	for i, s := range all {
		out[i] = text{utf8: string(appendString(nil, s, false)), ascii: string(appendString(nil, s, true))}
	}
	return out
}

// appendString appends s, which is UTF-8, as a JSON string.
func appendString(dst []byte, s string, ascii bool) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || ascii && r == '/':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case ascii && r > 0xffff:
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		case ascii && r > 0x7f:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

var (
	firstNames = texts("Aisha", "Anna", "Benjamin", "Chiara", "Daniel", "Elif", "Farid", "Grace", "Hiroshi", "Ingrid",
		"Jean-Luc", "Kavitha", "Liam", "Mei Ling", "Noor", "Olga", "Priya", "Quentin", "Rafael", "Siti Nurhaliza",
		"Tomasz", "Uma", "Valentina", "Wei", "Xavier", "Yusuf", "Zoë", "José María", "小龍", "花子", "  Ravi", `Dwayne "The Rock"`)
	lastNames = texts("Andersson", "Binti Abdullah", "Chen", "D'Souza", "Eriksen", "Fernández", "Goh", "Hernandez", "Ivanova", "Johnson",
		"Krishnamurthy", "Lim", "Müller", "Nakamura", "O'Brien", "Papadopoulos", "Quispe", "Rahman", "Schmidt", "Tan",
		"Ueda", "van der Berg", "Wang", "Xu", "Yamamoto", "Zhang", "李", "山田", "Smith, Jr.", "Łukasiewicz", "Nguyễn ", "Şahin")
	companies = texts("Acme Pte Ltd", "Bright Harbour Logistics", "Contoso Asia", "Delta Marine", "Eastern Sky Airlines", "First Principles Capital",
		"Green Fields Foods", "Helios Energy", "Initech, Inc.", "Jurong Shipyards", "Kestrel Analytics", "Lion City Media",
		"Müller, Söhne & Co. KG", `The "Best" Bakery`, "北京科技有限公司", "株式会社サンプル", "Nordic Wind ApS", "Orchid Health", "AC/DC Rentals", "Zenith Holdings")
	jobTitles = texts("Account Manager", "Chief Executive Officer", "Data Engineer", "Director of Partnerships", "Head of Sales, APAC", "Marketing Executive",
		"Procurement Lead", "Product Manager", "Research Fellow", "Senior Consultant", "Software Engineer", "VP of \"Everything\"", "工程師", "Trainer\nand Facilitator")
	questions = texts("Job function", "Dietary requirements", "How did you hear about this event?", "Interests",
		"T-shirt size", "Which sessions do you want to attend?", "Special requests", "I agree to be contacted by the partners")
	functions = texts("Engineering", "Finance", "Human resources", "Marketing", "Operations", "Sales", "Research & development")
	diets     = texts("None", "Vegetarian", "Vegan", "Halal", "Kosher", "Gluten free", "No nuts, please", "Vegetarian,\nno onion", `"Anything"`, "素食", "")
	heard     = texts("A colleague", "LinkedIn", "Newsletter", "Partner invitation", "Search engine", "Trade press", "Attended last year's summit")
	interests = texts("AI, Cloud, Security", "Fintech", "Logistics , Trade finance", "Sustainability,Energy, Smart cities", "Healthcare, Robotics", "Design",
		"Startups , Venture capital,  Mentoring", "教育, 科技", `"Deep" tech, Hardware`, "Networking", "Data, Data governance, Privacy, Regulation", "")
	sizes    = texts("XS", "S", "M", "L", "XL", "XXL")
	sessions = texts("Opening keynote; Panel A; Closing reception", "Workshop 2: From spreadsheets to pipelines", "Breakfast briefing; Expo tour",
		"Panel B, Panel C; Roundtable on regulation", "全日程; Closing reception", "Keynotes only")
	requests = texts("none", "Wheelchair access near the main hall, please", "Invoice to head office; cost centre 4711/20", "Seat next to my colleague\nfrom the same company",
		"Early check-in", "Interpretation into 日本語")
	consents = texts("Yes", "No")

	tickets  = texts("Early Bird", "Standard", "VIP Lounge", "Exhibitor", "Speaker", "Student 学生", "Group of 5, paid")
	groups   = []string{`"General"`, `"General"`, `"VIP"`, `"Partner"`, `"Press"`}
	statuses = []string{`"registered"`, `"registered"`, `"registered"`, `"registered"`, `"waitlist"`}

	locals = []string{"Aisha.Rahman", "anna.andersson", "B.Goh", "chiara_fernandez", "Daniel", "elif.sahin", "f.ivanova", "GRACE.TAN",
		"h.yamamoto", "ingrid+events", "jean-luc.d", "Kavitha.K", "liam.obrien", "mei.ling.lim", "Noor.A", "o.papadopoulos"}
	domains = []string{"example.com", "Example.COM", "mail.example.org", "acme.example", "contoso.example.sg", "uni.example.edu",
		"example.com.my", "harbour.example", "Kestrel.example", "media.example.sg", "nordic.example.dk", "bücher.example"}
	codes  = []string{"SG", "sg", "MY", "ID", "DE", "Us", "JP", "CN", "IN", "GB", "FR", "VN", "th", "AU", "BR", "SE"}
	phones = []string{"+65 9", "+60 12-", "+49 171 ", "+1 415 ", "+81 90 ", "(02) "}
)
