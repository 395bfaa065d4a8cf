"""What the starter is taught: subjects, how they are drawn, and how they are said in two languages. No models here."""
